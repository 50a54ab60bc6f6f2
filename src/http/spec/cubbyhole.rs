//! What is answered below `cubbyhole/`.

use super::{Answer, Operation, Verb, operations};

pub const OPERATIONS: &[Operation] = operations! {
    "response" Read "Unwrap in the old way, or read the entry of that name" => Data;
    "response" Write "Write the entry of that name" => Empty;
    "response" Delete "Delete the entry of that name" => Empty;
    "response" List "List entries below that name" => Keys;
    "*path" Read "Read an entry of the token's own" => Data;
    "*path" Write "Write an entry; the whole body is kept as sent" => Empty;
    "*path" Delete "Delete an entry" => Empty;
    "*path" List "List entries of the token's own" => Keys;
};
