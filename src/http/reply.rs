//! Answers: the envelope, the headers every answer has, and the one status map.

use axum::body::Body as HttpBody;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::request::Verb;
use crate::audit::Unavailable;
use crate::mounts::EngineKind;
use crate::telemetry::Asked;
use crate::vault::{Answer, Made, VaultError};
use crate::wire::envelope::{Auth, Data, Envelope, errors_text, multi_error};
use crate::wire::json::{BodyError, FieldError};
use crate::wire::kv::RequestError;

/// An answer in the making.
pub struct Reply {
    pub status: StatusCode,
    pub body: String,
    pub retry_after_seconds: Option<u64>,
    /// Tells the state it stands on: enveloped answers and those without a body.
    pub indexed: bool,
    /// What the answer hands over, to be taken back if it can't be wrapped as was asked.
    pub made: Option<Made>,
    pub extra: Option<Box<Extra>>,
    pub counted: Counted,
}

/// As what a request is counted.
#[derive(Clone, Copy, Debug, Default)]
pub enum Counted {
    /// Refused before it came to a mount, or nobody's.
    #[default]
    NotRouted,
    /// By the thousand; not to hide what else happens.
    Probe,
    Mount(EngineKind, Verb),
}

impl Counted {
    pub fn asked(self) -> Asked {
        let none = Asked { class: "none", class_place: 0, verb: "none", verb_place: 0 };
        match self {
            Counted::NotRouted => none,
            Counted::Probe => Asked { class: "health", class_place: 1, ..none },
            // One series for what has one name.
            Counted::Mount(EngineKind::Kv1, verb) => Counted::Mount(EngineKind::Kv2, verb).asked(),
            Counted::Mount(kind, verb) => Asked {
                class: kind.type_name(),
                class_place: kind as usize + 2,
                verb: verb.operation().as_str(),
                verb_place: verb as usize + 1,
            },
        }
    }
}

/// What few answers have.
#[derive(Default)]
pub struct Extra {
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Instead of JSON.
    pub content_type: Option<HeaderValue>,
    /// Instead of a body that is there as a whole.
    pub stream: Option<HttpBody>,
}

/// Why a handler did not come to its answer.
pub enum Stop {
    /// Recorded already.
    Reply(Reply),
    /// Found wrong before any use case; still to be recorded.
    Bad(VaultError),
}

impl From<FieldError> for Stop {
    fn from(error: FieldError) -> Self {
        Stop::Bad(VaultError::Invalid(error.validation()))
    }
}

impl From<RequestError> for Stop {
    fn from(error: RequestError) -> Self {
        Stop::Bad(VaultError::Invalid(error.to_string()))
    }
}

impl From<VaultError> for Stop {
    fn from(error: VaultError) -> Self {
        Stop::Bad(error)
    }
}

/// What a handler ends with.
pub type Outcome = Result<Reply, Stop>;

/// The value of a recorded answer, or the reply that tells why there is none.
pub fn settle<T>(answer: Answer<T>) -> Result<T, Stop> {
    match answer {
        Ok(recorded) => recorded.release().map_err(|error| Stop::Reply(Reply::error(&error))),
        Err(unavailable) => Err(Stop::Reply(Reply::unaudited(&unavailable))),
    }
}

/// As `settle`, keeping the error for handlers that answer some errors in another form.
pub fn released<T>(answer: Answer<T>) -> Result<Result<T, VaultError>, Stop> {
    match answer {
        Ok(recorded) => Ok(recorded.release()),
        Err(unavailable) => Err(Stop::Reply(Reply::unaudited(&unavailable))),
    }
}

impl Reply {
    pub fn text(status: StatusCode, body: String) -> Self {
        Self {
            status,
            body,
            retry_after_seconds: None,
            indexed: false,
            made: None,
            extra: None,
            counted: Counted::NotRouted,
        }
    }

    pub fn making(mut self, made: Made) -> Self {
        self.made = Some(made);
        self
    }

    pub fn of_stop(stop: Stop) -> Self {
        match stop {
            Stop::Reply(reply) => reply,
            Stop::Bad(error) => Self::error(&error),
        }
    }

    pub fn empty() -> Self {
        Self { indexed: true, ..Self::text(StatusCode::NO_CONTENT, String::new()) }
    }

    pub fn envelope(envelope: &Envelope) -> Self {
        Self { indexed: true, ..Self::text(StatusCode::OK, envelope.to_text()) }
    }

    /// The envelope with its data at the top level too.
    pub fn injected(envelope: &Envelope) -> Self {
        Self { indexed: true, ..Self::text(StatusCode::OK, envelope.to_text_injected()) }
    }

    pub fn data(request_id: &str, data: Data) -> Self {
        Self::envelope(&Envelope::new(request_id).data(data))
    }

    pub fn shape<T: serde::Serialize + ?Sized>(request_id: &str, shape: &T) -> Self {
        Self::envelope(&Envelope::new(request_id).shape(shape))
    }

    pub fn auth(request_id: &str, auth: Auth, warnings: Vec<String>) -> Self {
        Self::envelope(&Envelope::new(request_id).auth(auth).warn(warnings))
    }

    /// Nothing to say but warnings: 204 without any.
    pub fn warnings(request_id: &str, warnings: Vec<String>) -> Self {
        if warnings.is_empty() {
            return Self::empty();
        }
        Self::envelope(&Envelope::new(request_id).warn(warnings))
    }

    pub fn tell(&mut self, headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>) {
        let mut headers = headers.into_iter().peekable();
        if headers.peek().is_some() {
            self.extra.get_or_insert_default().headers.extend(headers);
        }
    }

    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The one status map.
    pub fn error(error: &VaultError) -> Self {
        let status = match error {
            VaultError::Sealed | VaultError::NotInitialised => StatusCode::SERVICE_UNAVAILABLE,
            VaultError::Unauthenticated | VaultError::Denied | VaultError::Forbidden(_) => {
                StatusCode::FORBIDDEN
            }
            VaultError::Invalid(_) => StatusCode::BAD_REQUEST,
            VaultError::NotFound | VaultError::NoRoute(_) | VaultError::UnsupportedPath => {
                StatusCode::NOT_FOUND
            }
            VaultError::UnsupportedOperation => StatusCode::METHOD_NOT_ALLOWED,
            VaultError::Contended | VaultError::Unavailable { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            VaultError::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            VaultError::Full => StatusCode::INSUFFICIENT_STORAGE,
            VaultError::Integrity | VaultError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let text = match error {
            VaultError::NotFound => return Self::text(status, errors_text::<&str>(&[])),
            VaultError::Denied => multi_error(&["permission denied"]),
            VaultError::UnsupportedPath | VaultError::UnsupportedOperation => {
                multi_error(&[error.to_string()])
            }
            other => other.to_string(),
        };
        let retry_after_seconds = match error {
            VaultError::Unavailable { retry_after, .. }
            | VaultError::RateLimited { retry_after, .. } => Some(retry_after.as_secs().max(1)),
            VaultError::Contended => Some(1),
            _ => None,
        };
        Self { retry_after_seconds, ..Self::text(status, errors_text(&[text])) }
    }

    /// The request could not be recorded: nothing is said but that.
    pub fn unaudited(unavailable: &Unavailable) -> Self {
        Self {
            retry_after_seconds: Some(1),
            ..Self::text(StatusCode::SERVICE_UNAVAILABLE, errors_text(&[unavailable.to_string()]))
        }
    }

    pub fn plain_errors(status: StatusCode, errors: &[&str]) -> Self {
        Self::text(status, errors_text(errors))
    }

    /// The HTTP answer. `index` is the state this node has seen.
    pub fn into_response(self, index: Option<HeaderValue>) -> Response<HttpBody> {
        let no_body = self.status == StatusCode::NO_CONTENT;
        let extra = self.extra.map_or_else(Extra::default, |extra| *extra);
        let body = match extra.stream {
            Some(stream) => stream,
            None if no_body => HttpBody::empty(),
            None => HttpBody::from(self.body),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // Exactly this: some clients compare with `==`.
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, extra.content_type.unwrap_or(json));
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000; includeSubDomains"),
        );
        if let Some(index) = index {
            headers.insert(super::index::HEADER, index);
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        headers.extend(extra.headers);
        response
    }
}

/// What is wrong with a body, and the status of its own where it has one.
pub fn body_refusal(error: &BodyError) -> (StatusCode, String) {
    let status = match error {
        BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    };
    (status, error.to_string())
}
