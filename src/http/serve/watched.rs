//! A connection whose slowness has an end: idle, in the head of a request, and in taking an answer.
//! (Handshake and body have deadlines where they are awaited.) An elapsed deadline is an error of
//! the stream, and hyper closes the connection.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::config::ListenerLimits;
use crate::limits;

/// Where a connection stands; shared by its stream and its service, which run in one task.
pub(super) struct Phase {
    now: AtomicU8,
    too_slow: AtomicBool,
}

/// No request under way.
const IDLE: u8 = 0;
/// The first bytes of a request came, not yet all of its head.
const HEAD: u8 = 1;
/// A request is being answered; its body may still come.
const WORKING: u8 = 2;
/// The answer is there, and not yet all taken.
const ANSWERING: u8 = 3;

impl Phase {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { now: AtomicU8::new(IDLE), too_slow: AtomicBool::new(false) })
    }

    pub(super) fn request_begins(&self) {
        self.set(WORKING);
    }

    pub(super) fn answer_begins(&self) {
        self.set(ANSWERING);
    }

    /// Whether nobody waits for anything: closing now loses no answer.
    pub(super) fn is_idle(&self) -> bool {
        self.get() <= HEAD
    }

    /// Whether a deadline has ended this connection (other than the idle one).
    pub(super) fn was_too_slow(&self) -> bool {
        self.too_slow.load(Ordering::Relaxed)
    }

    fn get(&self) -> u8 {
        self.now.load(Ordering::Relaxed)
    }

    fn set(&self, phase: u8) {
        self.now.store(phase, Ordering::Relaxed);
    }
}

pub(super) struct Watched<S> {
    inner: S,
    phase: Arc<Phase>,
    limits: Arc<ListenerLimits>,
    /// The phase that is waited in, and when it has lasted too long.
    reading: Option<(u8, Instant)>,
    /// Rings then, or before: a deadline that moves away leaves it as it is, so that a connection
    /// in use hardly ever sets a timer.
    alarm: Option<Pin<Box<Sleep>>>,
    /// Runs while the client does not take what is written.
    writing: Option<Pin<Box<Sleep>>>,
    /// Taken since `writing` began.
    taken: usize,
}

impl<S> Watched<S> {
    pub(super) fn new(inner: S, phase: Arc<Phase>, limits: Arc<ListenerLimits>) -> Self {
        Self { inner, phase, limits, reading: None, alarm: None, writing: None, taken: 0 }
    }

    /// Keeps the deadline of the present phase; an error once it has passed.
    fn reading_deadline(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let phase = self.phase.get();
        let limit = match phase {
            IDLE => self.limits.idle,
            HEAD => self.limits.header,
            _ => {
                self.reading = None;
                return Ok(());
            }
        };
        let ends = match self.reading {
            Some((of, ends)) if of == phase => ends,
            _ => self.reading.insert((phase, Instant::now() + limit)).1,
        };
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(ends)));
        if alarm.deadline() > ends {
            alarm.as_mut().reset(ends);
        }
        while alarm.as_mut().poll(cx).is_ready() {
            if alarm.deadline() >= ends {
                if phase == HEAD {
                    self.phase.too_slow.store(true, Ordering::Relaxed);
                }
                return Err(ErrorKind::TimedOut.into());
            }
            alarm.as_mut().reset(ends);
        }
        Ok(())
    }

    /// What became of a write, unless the client has not taken a `WRITE_STEP` for too long.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<Result<usize>>,
    ) -> Poll<Result<usize>> {
        match &outcome {
            Poll::Ready(Ok(n)) => {
                self.taken = self.taken.saturating_add(*n);
                if self.taken >= limits::WRITE_STEP {
                    self.all_taken();
                }
                outcome
            }
            Poll::Ready(Err(_)) => outcome,
            Poll::Pending => self.blocked(cx).map(Err),
        }
    }

    fn all_taken(&mut self) {
        self.writing = None;
        self.taken = 0;
    }

    fn blocked(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let limit: Duration = self.limits.write;
        let deadline = self.writing.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(deadline.as_mut().poll(cx));
        self.phase.too_slow.store(true, Ordering::Relaxed);
        Poll::Ready(ErrorKind::TimedOut.into())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.inner).poll_read(cx, buf);
        if buf.filled().len() > before && self.phase.get() == IDLE {
            self.phase.set(HEAD);
        }
        // What came at once was not waited for.
        if outcome.is_pending() {
            self.reading_deadline(cx)?;
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.written(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.written(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match Pin::new(&mut self.inner).poll_flush(cx) {
            Poll::Ready(outcome) => {
                self.all_taken();
                if self.phase.get() == ANSWERING {
                    self.phase.set(IDLE);
                    self.reading = None;
                    // hyper has looked for the next request before this: nobody else begins it.
                    self.reading_deadline(cx)?;
                }
                Poll::Ready(outcome)
            }
            Poll::Pending => self.blocked(cx).map(Err),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match Pin::new(&mut self.inner).poll_shutdown(cx) {
            Poll::Ready(outcome) => Poll::Ready(outcome),
            Poll::Pending => self.blocked(cx).map(Err),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    fn limits() -> Arc<ListenerLimits> {
        let second = Duration::from_secs(1);
        Arc::new(ListenerLimits {
            header: second * 10,
            idle: second * 60,
            write: second * 30,
            ..ListenerLimits::default()
        })
    }

    /// Runs in a runtime whose clock goes forward whenever everybody waits.
    fn paused<F: Future>(test: F) -> F::Output {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
    }

    #[test]
    fn a_head_that_trickles_ends_and_an_idle_connection_too() {
        paused(async {
            let (ours, mut theirs) = duplex(1024);
            let phase = Phase::new();
            let mut stream = Watched::new(ours, phase.clone(), limits());
            let trickle = tokio::spawn(async move {
                // One byte each three seconds: never still for long, never done.
                while theirs.write_all(b"x").await.is_ok() {
                    sleep(Duration::from_secs(3)).await;
                }
            });
            let mut read = Vec::new();
            let error = stream.read_to_end(&mut read).await.unwrap_err();
            assert_eq!((error.kind(), read.len()), (ErrorKind::TimedOut, 4));
            assert!(phase.was_too_slow());
            trickle.abort();

            let (ours, _theirs) = duplex(1024);
            let phase = Phase::new();
            let mut stream = Watched::new(ours, phase.clone(), limits());
            let began = tokio::time::Instant::now();
            assert!(stream.read_u8().await.is_err());
            assert_eq!(began.elapsed().as_secs(), 60);
            assert!(!phase.was_too_slow(), "nothing was asked: that is no slowness");
        });
    }

    #[test]
    fn a_body_is_not_under_the_heads_deadline_and_the_next_head_is() {
        paused(async {
            let (ours, mut theirs) = duplex(1024);
            let phase = Phase::new();
            let mut stream = Watched::new(ours, phase.clone(), limits());
            theirs.write_all(b"h").await.unwrap();
            stream.read_u8().await.unwrap();
            phase.request_begins();
            let later = tokio::spawn(async move {
                sleep(Duration::from_secs(25)).await;
                theirs.write_all(b"b").await.unwrap();
                theirs
            });
            assert_eq!(stream.read_u8().await.unwrap(), b'b');
            assert!(!phase.is_idle());
            phase.answer_begins();
            stream.write_all(b"answer").await.unwrap();
            assert!(!phase.is_idle());
            stream.flush().await.unwrap();
            assert!(phase.is_idle());
            let mut theirs = later.await.unwrap();
            theirs.write_all(b"h").await.unwrap();
            stream.read_u8().await.unwrap();
            assert!(stream.read_u8().await.is_err());
            assert!(phase.was_too_slow());
        });
    }

    #[test]
    fn a_client_that_takes_nothing_is_left_and_a_slow_one_is_served() {
        paused(async {
            let (ours, _theirs) = duplex(1024);
            let phase = Phase::new();
            let mut stream = Watched::new(ours, phase.clone(), limits());
            let began = tokio::time::Instant::now();
            let error = stream.write_all(&[0; 4096]).await.unwrap_err();
            assert_eq!((error.kind(), began.elapsed().as_secs()), (ErrorKind::TimedOut, 30));
            assert!(phase.was_too_slow());

            let (ours, mut theirs) = duplex(64 << 10);
            let mut stream = Watched::new(ours, Phase::new(), limits());
            let reader = tokio::spawn(async move {
                // 8 KiB a second: each step within its time, all of it far past one deadline.
                let mut total = 0;
                let mut some = [0; 8 << 10];
                while let Ok(n @ 1..) = theirs.read(&mut some).await {
                    total += n;
                    sleep(Duration::from_secs(1)).await;
                }
                total
            });
            stream.write_all(&vec![0; 1 << 20]).await.unwrap();
            stream.shutdown().await.unwrap();
            drop(stream);
            assert_eq!(reader.await.unwrap(), 1 << 20);

            let (ours, mut theirs) = duplex(1024);
            let mut stream = Watched::new(ours, Phase::new(), limits());
            let miser = tokio::spawn(async move {
                // A byte now and then, to look alive.
                while theirs.read_u8().await.is_ok() {
                    sleep(Duration::from_secs(5)).await;
                }
            });
            assert!(stream.write_all(&[0; 4096]).await.is_err());
            drop(stream);
            miser.await.unwrap();
        });
    }
}
