//! Requests of KV version 2, read from a body, with the errors people know.

use std::collections::BTreeMap;

use crate::wire::json::{Body, FieldError};

/// Why a request can't be read; 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    #[error(transparent)]
    Field(#[from] FieldError),
    #[error("no data provided")]
    NoData,
    #[error("error parsing check-and-set parameter")]
    Cas,
    #[error("No version number provided")]
    NoVersions,
    /// The same fault in the words of `destroy`.
    #[error("no version number provided")]
    NoVersionsToDestroy,
}

/// A put or a patch.
#[derive(PartialEq, Eq)]
pub struct WriteRequest<'b> {
    /// Canonical text of an object or `null`; a secret.
    pub data: &'b str,
    pub cas: Option<i64>,
}

impl<'b> WriteRequest<'b> {
    pub const FIELDS: [&'static str; 2] = ["data", "options"];

    pub fn of(body: &'b Body) -> Result<Self, RequestError> {
        let options = body.nested("options")?;
        // `null` is no way to write without the check: it stands for "must not exist".
        let cas = match options.is_null("cas") {
            true => Some(0),
            false => options.int("cas").map_err(|_| RequestError::Cas)?,
        };
        let data = body.object("data")?.ok_or(RequestError::NoData)?;
        Ok(Self { data, cas })
    }
}

/// Who asks for versions; the error text differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionsOf {
    Delete,
    Undelete,
    Destroy,
}

/// The field `versions`, at least one.
pub fn versions(body: &Body, of: VersionsOf) -> Result<Vec<i64>, RequestError> {
    let versions = body.ints("versions")?.unwrap_or_default();
    match (versions.is_empty(), of) {
        (false, _) => Ok(versions),
        (true, VersionsOf::Destroy) => Err(RequestError::NoVersionsToDestroy),
        (true, _) => Err(RequestError::NoVersions),
    }
}

/// A put or patch of a secret's metadata; `None` = leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataRequest {
    pub max_versions: Option<i64>,
    pub cas_required: Option<bool>,
    pub metadata_cas_required: Option<bool>,
    pub delete_version_after_seconds: Option<u64>,
    /// A put replaces.
    pub custom_metadata: Option<BTreeMap<String, String>>,
    /// A patch merges; `None` removes a key.
    pub custom_metadata_patch: Option<BTreeMap<String, Option<String>>>,
    pub metadata_cas: Option<i64>,
}

impl MetadataRequest {
    pub const FIELDS: [&'static str; 6] = [
        "max_versions",
        "cas_required",
        "metadata_cas_required",
        "delete_version_after",
        "custom_metadata",
        "metadata_cas",
    ];

    /// Of a POST or PUT.
    pub fn put(body: &Body) -> Result<Self, FieldError> {
        let custom_metadata = match body.object("custom_metadata")? {
            Some("{}" | "null") => Some(BTreeMap::new()),
            _ => body.string_map("custom_metadata")?,
        };
        Ok(Self { custom_metadata, ..Self::settings(body)? })
    }

    /// Of a PATCH.
    pub fn patch(body: &Body) -> Result<Self, FieldError> {
        let mut request = Self::settings(body)?;
        match body.is_null("custom_metadata") {
            true => request.custom_metadata = Some(BTreeMap::new()),
            false => request.custom_metadata_patch = body.string_map_patch("custom_metadata")?,
        }
        Ok(request)
    }

    /// `null` puts a number or switch back to its default and empties custom metadata;
    /// `delete_version_after` keeps its value, as in the reference server.
    fn settings(body: &Body) -> Result<Self, FieldError> {
        Ok(Self {
            max_versions: number(body, "max_versions")?,
            cas_required: switch(body, "cas_required")?,
            metadata_cas_required: switch(body, "metadata_cas_required")?,
            delete_version_after_seconds: body.seconds("delete_version_after")?,
            // As with secrets, `null` stands for "must not exist".
            metadata_cas: number(body, "metadata_cas")?,
            ..Self::default()
        })
    }
}

/// A write of the mount's configuration; `None` = leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConfigRequest {
    pub max_versions: Option<i64>,
    pub cas_required: Option<bool>,
    pub metadata_cas_required: Option<bool>,
    /// Negative = versions stay whatever a secret's own settings say.
    pub delete_version_after_seconds: Option<i64>,
}

impl ConfigRequest {
    pub const FIELDS: [&'static str; 4] =
        ["max_versions", "cas_required", "metadata_cas_required", "delete_version_after"];

    /// Errors of this endpoint carry the prefix: [`FieldError::validation`].
    pub fn of(body: &Body) -> Result<Self, FieldError> {
        Ok(Self {
            max_versions: number(body, "max_versions")?,
            cas_required: switch(body, "cas_required")?,
            metadata_cas_required: switch(body, "metadata_cas_required")?,
            delete_version_after_seconds: body.signed_seconds("delete_version_after")?,
        })
    }
}

/// `null` is 0.
fn number(body: &Body, name: &str) -> Result<Option<i64>, FieldError> {
    if body.is_null(name) { Ok(Some(0)) } else { body.int(name) }
}

/// `null` is off.
fn switch(body: &Body, name: &str) -> Result<Option<bool>, FieldError> {
    if body.is_null(name) { Ok(Some(false)) } else { body.boolean(name) }
}
