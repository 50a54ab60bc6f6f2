//! What is answered below `sys/`: watching and operating the server, and what other servers have.

use super::fields::{Field, flag, int, number, one_of, pairs, seconds, secret, text, texts};
use super::{Answer, Operation, Verb, operations};

const BYTES: &[Field] = &[int("bytes", "How many")];
const FORMAT: &[Field] = &[one_of("format", &["base64", "hex"], "How the answer is written")];
const HASH: &[Field] = &[secret("input", "What to digest, in base64").needed()];
const ALGORITHM: &[Field] = &[one_of(
    "algorithm",
    &["sha2-224", "sha2-256", "sha2-384", "sha2-512", "sha3-256", "sha3-384", "sha3-512"],
    "Which digest",
)];
const LEVEL: &[Field] = &[text("level", "error, warn, info, debug or trace").needed()];

pub const OPERATIONS: &[Operation] = operations! {
    "metrics" Read "Metrics in Prometheus's text" query [&[text("format", "prometheus, or nothing")]] => Text;
    "in-flight-req" Read "Requests under way" query [&[text("format", "Not looked at")]] => Plain;
    "host-info" Read "The machine's cpu, memory and load" => Data;
    "monitor" Read "The log as it is written" query [&[
        text("log_level", "error, warn, info, debug or trace"),
        text("log_format", "standard or json"),
    ]] => Text;
    "loggers" Read "Read the log level" => Data;
    "loggers" Write "Change the log level" [LEVEL] => Empty;
    "loggers" Delete "Put the log level back" => Empty;
    "loggers/:name" Read "Read a logger's level" => Data;
    "loggers/:name" Write "Change a logger's level" [LEVEL] => Empty;
    "loggers/:name" Delete "Put a logger's level back" => Empty;
    "tools/random" Write "Draw random bytes" [BYTES, FORMAT] => Data;
    "tools/random/:bytes" Write "Draw so many random bytes" [BYTES, FORMAT] => Data;
    "tools/random/:source/:bytes" Write "Draw random bytes from platform, seal or all" [BYTES, FORMAT] => Data;
    "tools/hash" Write "Digest bytes" [ALGORITHM, HASH, FORMAT] => Data;
    "tools/hash/:algorithm" Write "Digest bytes" [ALGORITHM, HASH, FORMAT] => Data;
    "config/cors" Read "Which web pages may ask" => Data;
    "config/cors" Write "Let web pages ask" [&[
        texts("allowed_origins", "Origins, or * alone"),
        texts("allowed_headers", "Headers beyond the usual"),
        flag("allow_credentials", "Let browsers send credentials"),
    ]] => Empty;
    "config/cors" Delete "Let no web page ask" => Empty;
    "config/ui/headers" List "Headers of a web interface: there is none" => Refused;
    "config/ui/headers/:header" Read "A header of a web interface: there is none" => Refused;
    "config/ui/headers/:header" Write "A header of a web interface: there is none" => Refused;
    "config/ui/headers/:header" Delete "A header of a web interface: there is none" => Empty;
    "config/auditing/request-headers" Read "Request headers on record: none" => Data;
    "config/auditing/request-headers/:header" Read "A request header on record: none" => Refused;
    "config/auditing/request-headers/:header" Write "Request headers are not put on record" => Refused;
    "config/auditing/request-headers/:header" Delete "A request header on record: none" => Empty;
    "quotas/config" Read "Read the settings of rate limits" => Data;
    "quotas/config" Write "Change the settings of rate limits" [&[
        texts("rate_limit_exempt_paths", "Paths without a limit"),
        flag("enable_rate_limit_response_headers", "Say in headers what is left"),
        flag("enable_rate_limit_audit_logging", "It always is"),
    ]] => Empty;
    "quotas/rate-limit" List "List rate limits" => Keys;
    "quotas/rate-limit/:quota" Read "Read a rate limit" => Data;
    "quotas/rate-limit/:quota" Write "Make or change a rate limit" [&[
        number("rate", "Requests in an interval").needed(),
        seconds("interval", "A second if not given"),
        seconds("block_interval", "How long who asks for more gets nothing"),
        text("path", "A mount, a path, or a beginning with *; nothing: everything"),
        text("role", "Refused"),
        flag("inheritable", "Refused"),
    ]] => Empty;
    "quotas/rate-limit/:quota" Delete "Delete a rate limit" => Empty;
    "key-status" Read "The version of the key-encryption key" => Data;
    "ha-status" Read "The nodes" => Data;
    "version-history" List "Versions that ran" => Keys;
    "internal/counters/requests" Read "Removed" => Refused;
    "internal/ui/namespaces" Read "The namespaces of the caller" => Data;
    "namespaces" List "Namespaces: the root alone" => Refused;
    "namespaces" Scan "Namespaces: the root alone" => Refused;
    "namespaces/:namespace" Read "Namespaces: the root alone" => Refused;
    "namespaces/:namespace" Write "Namespaces: the root alone" => Refused;
    "namespaces/:namespace" Patch "Namespaces: the root alone" => Refused;
    "namespaces/:namespace" Delete "Namespaces: the root alone" => Warned;
    "plugins/catalog" Read "What can be mounted" => Data;
    "plugins/catalog/:plane" List "What can be mounted, of one plane" => Keys;
    "plugins/catalog/:plane/:plugin" Read "One that can be mounted" => Data;
    "plugins/catalog/:plane/:plugin" Write "Engines are built in" => Refused;
    "plugins/catalog/:plane/:plugin" Delete "Engines are built in" => Refused;
    "audit" Read "The sinks of the audit log" query [&[flag("all", "Those switched off too")]] => Data;
    "audit/*sink" Write "Switch on a sink that the configuration declares" [&[
        text("type", "As the configuration has it, or nothing"),
        text("description", "As the configuration has it, or nothing"),
        pairs("options", "Each as the configuration has it"),
        flag("local", "Not looked at: there is one node"),
    ]] => Empty;
    "audit/*sink" Delete "Switch off a sink" => Empty;
    "audit-hash/*sink" Write "The log holds no digests of values" => Refused;
    "rotate" Write "Not in this release" => Refused;
    "rotate/*ceremony" Read "Not in this release" => Refused;
    "rotate/*ceremony" Write "Not in this release" => Refused;
    "rotate/*ceremony" Delete "Not in this release" => Refused;
    "rekey/*ceremony" Read "Not in this release" => Refused;
    "rekey/*ceremony" Write "Not in this release" => Refused;
    "rekey/*ceremony" Delete "Not in this release" => Refused;
    "rekey-recovery-key/*ceremony" Read "Not in this release" => Refused;
    "rekey-recovery-key/*ceremony" Write "Not in this release" => Refused;
    "rekey-recovery-key/*ceremony" Delete "Not in this release" => Refused;
    "generate-root/*ceremony" Read "Not in this release" => Refused;
    "generate-root/*ceremony" Write "Not in this release" => Refused;
    "generate-root/*ceremony" Delete "Not in this release" => Refused;
    "generate-root-token/*ceremony" Read "Not in this release" => Refused;
    "generate-root-token/*ceremony" Write "Not in this release" => Refused;
    "generate-root-token/*ceremony" Delete "Not in this release" => Refused;
    "step-down" Write "Not in this release" => Refused;
};
