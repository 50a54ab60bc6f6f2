//! Slots, tokens and keys as the module tells them; for people to read.

use std::fmt;

use cryptoki::context::Pkcs11;
use cryptoki::error::Error;
use cryptoki::object::{Attribute, AttributeType, ObjectHandle};
use cryptoki::session::Session;

use crate::limits;

/// What the module shows.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Name and version of the library.
    pub library: String,
    pub slots: Vec<SlotEntry>,
    /// Keys of the configured token, once logged in.
    pub keys: Vec<KeyEntry>,
}

/// A slot with a token in it.
#[derive(Clone, Debug)]
pub struct SlotEntry {
    pub id: u64,
    pub description: String,
    /// `None`: not initialised.
    pub label: Option<String>,
    pub model: String,
    pub serial: String,
}

/// A key object.
#[derive(Clone, Debug, Default)]
pub struct KeyEntry {
    pub label: String,
    pub id: Vec<u8>,
    pub class: String,
    pub key_type: String,
    pub local: bool,
    pub sensitive: bool,
    pub extractable: bool,
    pub always_sensitive: bool,
    pub never_extractable: bool,
}

impl KeyEntry {
    /// One of ours, by its label.
    pub(super) fn is_ours(&self) -> bool {
        self.label.starts_with("strongroom ")
    }

    pub(super) fn is_public(&self) -> bool {
        self.class == "public"
    }
}

pub(super) fn slots(pkcs11: &Pkcs11) -> Result<Vec<SlotEntry>, Error> {
    let mut entries = Vec::new();
    for slot in pkcs11.get_slots_with_token()? {
        let (info, token) = (pkcs11.get_slot_info(slot)?, pkcs11.get_token_info(slot)?);
        entries.push(SlotEntry {
            id: slot.id(),
            description: info.slot_description().to_owned(),
            label: token.token_initialized().then(|| token.label().to_owned()),
            model: token.model().to_owned(),
            serial: token.serial_number().to_owned(),
        });
    }
    Ok(entries)
}

pub(super) fn library(pkcs11: &Pkcs11) -> Result<String, Error> {
    let info = pkcs11.get_library_info()?;
    Ok(format!(
        "{} {} ({}), PKCS#11 {}",
        info.library_description(),
        info.library_version(),
        info.manufacturer_id(),
        info.cryptoki_version()
    ))
}

/// At most `HSM_LISTED_OBJECTS_MAX` key objects, sorted by label.
pub(super) fn keys(session: &Session) -> Result<Vec<KeyEntry>, Error> {
    let mut entries = Vec::new();
    let handles: Vec<ObjectHandle> = session.find_objects(&[Attribute::Token(true)])?;
    for handle in handles.into_iter().take(limits::HSM_LISTED_OBJECTS_MAX) {
        let mut entry = KeyEntry::default();
        // One at a time: a token refuses a whole query for one attribute that it doesn't know.
        for wanted in [
            AttributeType::Class,
            AttributeType::Label,
            AttributeType::Id,
            AttributeType::KeyType,
            AttributeType::Local,
            AttributeType::Sensitive,
            AttributeType::Extractable,
            AttributeType::AlwaysSensitive,
            AttributeType::NeverExtractable,
        ] {
            for attribute in session.get_attributes(handle, &[wanted]).unwrap_or_default() {
                entry.take(attribute);
            }
        }
        if ["secret", "private", "public"].contains(&entry.class.as_str()) {
            entries.push(entry);
        }
    }
    entries.sort_by(|a, b| (&a.label, &a.class).cmp(&(&b.label, &b.class)));
    Ok(entries)
}

impl KeyEntry {
    fn take(&mut self, attribute: Attribute) {
        use cryptoki::object::{KeyType, ObjectClass};
        match attribute {
            Attribute::Class(class) => {
                self.class = match class {
                    ObjectClass::SECRET_KEY => "secret",
                    ObjectClass::PRIVATE_KEY => "private",
                    ObjectClass::PUBLIC_KEY => "public",
                    _ => "other",
                }
                .to_owned();
            }
            Attribute::KeyType(key_type) => {
                self.key_type = match key_type {
                    KeyType::AES => "AES".to_owned(),
                    KeyType::EC => "EC".to_owned(),
                    KeyType::RSA => "RSA".to_owned(),
                    KeyType::GENERIC_SECRET => "generic".to_owned(),
                    other => format!("{other:?}"),
                };
            }
            Attribute::Label(label) => self.label = String::from_utf8_lossy(&label).into_owned(),
            Attribute::Id(id) => self.id = id,
            Attribute::Local(yes) => self.local = yes,
            Attribute::Sensitive(yes) => self.sensitive = yes,
            Attribute::Extractable(yes) => self.extractable = yes,
            Attribute::AlwaysSensitive(yes) => self.always_sensitive = yes,
            Attribute::NeverExtractable(yes) => self.never_extractable = yes,
            _ => {}
        }
    }
}

impl fmt::Display for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.library.is_empty() {
            writeln!(f, " library  {}", self.library)?;
        }
        for slot in &self.slots {
            match &slot.label {
                Some(label) => writeln!(
                    f,
                    "    slot  {} token {label:?}, {}, serial {}",
                    slot.id, slot.model, slot.serial
                )?,
                None => writeln!(f, "    slot  {} not initialised", slot.id)?,
            }
        }
        for key in &self.keys {
            write!(
                f,
                "     key  {} {} {:?} id {}",
                key.class,
                key.key_type,
                key.label,
                hex::encode(&key.id)
            )?;
            if !key.is_public() {
                for (yes, word) in [
                    (key.local, "local"),
                    (key.sensitive, "sensitive"),
                    (key.always_sensitive, "always-sensitive"),
                    (key.never_extractable, "never-extractable"),
                    (key.extractable, "EXTRACTABLE"),
                ] {
                    if yes {
                        write!(f, " {word}")?;
                    }
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
