//! Fields, answers and what all operations share, as JSON schemas of OpenAPI 3.0.

use serde_json::{Map, Value, json};

use crate::http::request::Verb;
use crate::http::spec::{Answer, Field, Kind, Operation};

/// Of a field's value, in the form that every client can send.
fn of(field: &Field) -> Value {
    let mut schema = match field.kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Secret => json!({ "type": "string", "format": "password" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Int => json!({ "type": "integer", "format": "int64" }),
        Kind::Number => json!({ "type": "number" }),
        Kind::Seconds => json!({ "type": "string", "format": "seconds", "example": "1h30m" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Ints => {
            json!({ "type": "array", "items": { "type": "integer", "format": "int64" } })
        }
        Kind::Pairs => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Kind::Object => json!({ "type": "object" }),
        Kind::Of(fields) => fields_schema(&[fields]),
        Kind::OneOf(words) => json!({ "type": "string", "enum": words }),
    };
    if let Some(max) = field.max {
        let name = match field.kind {
            Kind::Texts | Kind::Ints => "maxItems",
            _ => "maxLength",
        };
        schema[name] = json!(max);
    }
    schema["description"] = json!(field.about);
    schema
}

fn fields_schema(fields: &[&[Field]]) -> Value {
    let all = || fields.iter().copied().flatten();
    let properties: Map<String, Value> = all().map(|f| (f.name.to_owned(), of(f))).collect();
    let needed: Vec<&str> = all().filter(|f| f.needed).map(|f| f.name).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    // An empty list is not valid.
    if !needed.is_empty() {
        schema["required"] = json!(needed);
    }
    schema
}

pub fn body(operation: &Operation) -> Value {
    let media = match operation.verb {
        Verb::Patch => "application/merge-patch+json",
        _ => "application/json",
    };
    let schema = match operation.body {
        [] => json!({ "type": "object" }),
        fields => fields_schema(fields),
    };
    let required = operation.body.iter().copied().flatten().any(|f| f.needed);
    json!({ "required": required, "content": { media: { "schema": schema } } })
}

pub fn query(fields: &[&[Field]]) -> Vec<Value> {
    let all = fields.iter().copied().flatten();
    all.map(|field| {
        let mut schema = of(field);
        if let Some(object) = schema.as_object_mut() {
            object.remove("description");
        }
        json!({ "name": field.name, "in": "query", "description": field.about,
                "required": field.needed, "schema": schema })
    })
    .collect()
}

/// `list=true`.
pub fn switch(name: &str, required: bool) -> Value {
    json!({ "name": name, "in": "query", "required": required,
            "schema": { "type": "string", "enum": ["true"] } })
}

/// Of a segment, or of a rest, in which clients leave slashes as they are.
pub fn path_parameter(name: &str, bytes_max: usize) -> Value {
    json!({ "name": name, "in": "path", "required": true,
            "schema": { "type": "string", "minLength": 1, "maxLength": bytes_max } })
}

pub fn mount_parameter(name: &str, default: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true,
            "description": "Where it is mounted",
            "schema": { "type": "string", "default": default } })
}

pub fn responses(answer: Answer, verb: Verb) -> Value {
    let mut out = Map::new();
    let mut is = |status: &str, name: &str| {
        let reference = format!("#/components/responses/{name}");
        out.insert(status.into(), json!({ "$ref": reference }));
    };
    match answer {
        Answer::Empty => is("204", "Empty"),
        Answer::Data => is("200", "Data"),
        Answer::Keys => is("200", "Keys"),
        Answer::Auth => is("200", "Auth"),
        Answer::Plain => is("200", "Plain"),
        Answer::Text => is("200", "Text"),
        Answer::Warned | Answer::DataOrEmpty => {
            is("200", "Data");
            is("204", "Empty");
        }
        Answer::Started => {
            is("200", "Data");
            is("202", "Data");
        }
        Answer::Refused => {}
    }
    for status in ["400", "403", "405", "429", "503"] {
        is(status, "Errors");
    }
    is("404", "Missing");
    is("431", "HeadTooLarge");
    if matches!(verb, Verb::Write | Verb::Patch) {
        for status in ["408", "413", "507"] {
            is(status, "Errors");
        }
    }
    if verb == Verb::Patch {
        is("415", "Errors");
    }
    Value::Object(out)
}

/// The one path that is not below `/v1/`.
pub fn jwks() -> Value {
    json!({
        "servers": [{ "url": "/" }],
        "get": {
            "operationId": "jwks", "tags": ["system"], "security": [],
            "summary": "The public keys that verify leases",
            "responses": responses(Answer::Plain, Verb::Read),
        },
    })
}

pub fn components() -> Value {
    let json_of = |description: &str, schema: Value| {
        json!({
            "description": description,
            "content": { "application/json": { "schema": schema } },
        })
    };
    let named = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let either = |one: &str, other: &str| json!({ "anyOf": [named(one), named(other)] });
    json!({
        "securitySchemes": {
            "token": { "type": "apiKey", "in": "header", "name": "X-Vault-Token" },
            "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
        },
        "responses": {
            "Empty": { "description": "Done" },
            "Data": json_of("An envelope with data", named("Envelope")),
            "Keys": json_of("An envelope with names", named("Envelope")),
            "Auth": json_of("An envelope with a lease", named("Envelope")),
            "Plain": json_of("An object", json!({ "type": "object" })),
            "Text": { "description": "Text", "content": {
                "text/plain": { "schema": { "type": "string" } },
                "application/json": { "schema": { "type": "object" } },
            } },
            "Errors": json_of("Refused", named("Errors")),
            "HeadTooLarge": { "description": "Path and headers are larger than 32 KiB together" },
            "Missing": json_of("Not there", either("Errors", "Envelope")),
        },
        "schemas": {
            "Errors": {
                "type": "object", "required": ["errors"], "additionalProperties": false,
                "properties": { "errors": { "type": "array", "items": { "type": "string" } } },
            },
            "Envelope": envelope(),
            "Auth": auth(),
            "WrapInfo": {
                "type": "object", "nullable": true,
                "required": ["token", "accessor", "ttl", "creation_time", "creation_path"],
                "properties": {
                    "token": { "type": "string" }, "accessor": { "type": "string" },
                    "ttl": { "type": "integer" }, "creation_time": { "type": "string" },
                    "creation_path": { "type": "string" },
                    "wrapped_accessor": { "type": "string" },
                },
            },
        },
    })
}

/// `data` may stand at the top level too, beside these.
fn envelope() -> Value {
    json!({
        "type": "object",
        "required": ["request_id", "lease_id", "renewable", "lease_duration", "data", "wrap_info",
                     "warnings", "auth"],
        "properties": {
            "request_id": { "type": "string" },
            "lease_id": { "type": "string" },
            "renewable": { "type": "boolean" },
            "lease_duration": { "type": "integer", "minimum": 0 },
            "data": { "type": "object", "nullable": true },
            "wrap_info": { "$ref": "#/components/schemas/WrapInfo" },
            "warnings": { "type": "array", "nullable": true, "items": { "type": "string" } },
            "auth": { "$ref": "#/components/schemas/Auth" },
        },
    })
}

fn auth() -> Value {
    json!({
        "type": "object", "nullable": true,
        "required": ["client_token", "accessor", "policies", "token_policies", "metadata",
                     "lease_duration", "renewable", "entity_id", "token_type", "orphan",
                     "num_uses"],
        "properties": {
            "client_token": { "type": "string", "format": "password" },
            "accessor": { "type": "string" },
            "policies": { "type": "array", "items": { "type": "string" } },
            "token_policies": { "type": "array", "items": { "type": "string" } },
            "identity_policies": { "type": "array", "items": { "type": "string" } },
            "metadata": {
                "type": "object", "nullable": true, "additionalProperties": { "type": "string" },
            },
            "lease_duration": { "type": "integer", "minimum": 0 },
            "renewable": { "type": "boolean" },
            "entity_id": { "type": "string" },
            "token_type": { "type": "string" },
            "orphan": { "type": "boolean" },
            "num_uses": { "type": "integer" },
        },
    })
}
