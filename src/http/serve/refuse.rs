//! Connections that get no further than a word: those past the limits, and plain HTTP where TLS is
//! spoken. Nothing is parsed, nothing kept; the answer is a constant.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::limits;

pub(super) const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
Content-Type: application/json\r\n\
Cache-Control: no-store\r\n\
Retry-After: 1\r\n\
Connection: close\r\n\
Content-Length: 60\r\n\r\n\
{\"errors\":[\"too many connections are open; try again soon\"]}";

pub(super) const PLAIN_ON_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
Content-Type: application/json\r\n\
Cache-Control: no-store\r\n\
Connection: close\r\n\
Content-Length: 68\r\n\r\n\
{\"errors\":[\"this port speaks TLS; use https:// instead of http://\"]}";

/// Says it, and closes so that it can be read: closing over unread bytes would reset the
/// connection and take the answer with it.
pub(super) async fn tell(mut stream: TcpStream, answer: &[u8]) {
    let telling = async {
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        let (mut read, mut some) = (0, [0; 1024]);
        while read < limits::REFUSAL_READ_MAX {
            match stream.read(&mut some).await? {
                0 => break,
                n => read += n,
            }
        }
        std::io::Result::Ok(())
    };
    // A client that does not listen loses nothing but this.
    let _ = tokio::time::timeout(limits::REFUSAL_DEADLINE, telling).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_answers_have_the_length_they_announce() {
        for answer in [TOO_MANY, PLAIN_ON_TLS] {
            let text = std::str::from_utf8(answer).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let length = head.split("Content-Length: ").nth(1).unwrap();
            assert_eq!(length.trim().parse::<usize>().unwrap(), body.len());
            serde_json::from_str::<serde_json::Value>(body).unwrap();
        }
    }
}
