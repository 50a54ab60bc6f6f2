//! What is answered below a KV mount of version 1.

use super::fields::PAGE;
use super::{Answer, Operation, Verb, operations};

pub const OPERATIONS: &[Operation] = operations! {
    "*secret" Read "Read a secret" => Data;
    "*secret" Write "Write a secret; the whole body is kept as sent" => Empty;
    "*secret" Delete "Delete a secret" => Empty;
    "*secret" List "List names right below a path" query [PAGE] => Keys;
    "*secret" Scan "List every name beneath a path" query [PAGE] => Keys;
};
