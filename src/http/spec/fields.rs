//! A field of a body or of a query, and the sets of them that several operations share.

/// What a field holds, as documents name it. The wire takes more spellings (`"5"` for 5).
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Text,
    /// Text that is shown nowhere.
    Secret,
    Flag,
    Int,
    /// Any number.
    Number,
    /// Seconds, or `1h30m`.
    Seconds,
    Texts,
    Ints,
    /// An object of texts.
    Pairs,
    Object,
    /// An object with these fields.
    Of(&'static [Field]),
    /// One of these texts.
    OneOf(&'static [&'static str]),
}

#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    pub about: &'static str,
    pub needed: bool,
    /// The most items or bytes, where the field has a bound of its own.
    pub max: Option<usize>,
}

impl Field {
    pub const fn needed(self) -> Self {
        Self { needed: true, ..self }
    }

    pub const fn at_most(self, max: usize) -> Self {
        Self { max: Some(max), ..self }
    }
}

const fn field(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, about, needed: false, max: None }
}

pub const fn text(name: &'static str, about: &'static str) -> Field {
    field(name, Kind::Text, about)
}

pub const fn secret(name: &'static str, about: &'static str) -> Field {
    field(name, Kind::Secret, about)
}

pub const fn flag(name: &'static str, about: &'static str) -> Field {
    field(name, Kind::Flag, about)
}

pub const fn int(name: &'static str, about: &'static str) -> Field {
    field(name, Kind::Int, about)
}

pub const fn number(name: &'static str, about: &'static str) -> Field {
    field(name, Kind::Number, about)
}

pub const fn seconds(name: &'static str, about: &'static str) -> Field {
    field(name, Kind::Seconds, about)
}

pub const fn texts(name: &'static str, about: &'static str) -> Field {
    field(name, Kind::Texts, about)
}

pub const fn ints(name: &'static str, about: &'static str) -> Field {
    field(name, Kind::Ints, about)
}

pub const fn pairs(name: &'static str, about: &'static str) -> Field {
    field(name, Kind::Pairs, about)
}

pub const fn object(name: &'static str, about: &'static str) -> Field {
    field(name, Kind::Object, about)
}

pub const fn of(name: &'static str, fields: &'static [Field], about: &'static str) -> Field {
    field(name, Kind::Of(fields), about)
}

pub const fn one_of(
    name: &'static str,
    words: &'static [&'static str],
    about: &'static str,
) -> Field {
    field(name, Kind::OneOf(words), about)
}

/// `token_*`, which every login method has.
pub const TOKEN_PARAMETERS: &[Field] = &[
    texts("token_policies", "Policies of the leases"),
    seconds("token_ttl", "Life of a lease; 0 is the mount's"),
    seconds("token_max_ttl", "How far renewals reach; 0 is the mount's"),
    seconds("token_explicit_max_ttl", "A maximum that nothing raises later"),
    seconds("token_period", "Each renewal gives this much"),
    texts("token_bound_cidrs", "Networks that may log in and use the lease"),
    flag("token_strictly_bind_ip", "The lease is good from the address of its login alone"),
    flag("token_no_default_policy", "Leave the policy default out"),
    int("token_num_uses", "How often a lease can be used; 0 is without end"),
    text("token_type", "service, batch, default, default-service or default-batch"),
];

pub const POLICIES: &[Field] = &[texts("policies", "The older name of token_policies")];

/// A page of a listing.
pub const PAGE: &[Field] =
    &[text("after", "Begin after this name"), int("limit", "At most so many names")];

pub const TOKEN: &[Field] = &[secret("token", "The token in question")];
pub const TOKEN_NEEDED: &[Field] = &[secret("token", "The token in question").needed()];
pub const ACCESSOR: &[Field] = &[text("accessor", "The accessor of the token").needed()];
