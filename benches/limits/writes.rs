//! The limit of durable writes: as many bytes as a vault's journal and audit log take, appended to
//! two files and synced before the answer, one sync of each for all who wait.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use axum::Router;
use axum::http::StatusCode;
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender};
use tokio::sync::oneshot;

use super::{Failure, headers, serve};

/// Writers that share one sync.
const GROUP_MAX: usize = 256;

type Waiter = oneshot::Sender<bool>;

pub fn run(directory: &Path, bytes: [usize; 2], body: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(directory)?;
    let body = Bytes::from(std::fs::read(body)?);
    let files = [File::create(directory.join("first"))?, File::create(directory.join("second"))?];
    let (sender, receiver) = crossbeam_channel::bounded(1_024);
    std::thread::spawn(move || commit(&receiver, files, bytes));
    let router = Router::new().fallback(move |written: Bytes| {
        let (sender, body) = (sender.clone(), body.clone());
        async move {
            drop(written);
            match durable(&sender).await {
                true => (StatusCode::OK, headers(), body),
                false => (StatusCode::SERVICE_UNAVAILABLE, headers(), Bytes::new()),
            }
        }
    });
    serve(router, None)
}

async fn durable(sender: &Sender<Waiter>) -> bool {
    let (waiter, done) = oneshot::channel();
    sender.try_send(waiter).is_ok() && done.await.unwrap_or(false)
}

fn commit(receiver: &Receiver<Waiter>, mut files: [File; 2], bytes: [usize; 2]) {
    while let Ok(first) = receiver.recv() {
        let mut group = vec![first];
        group.extend(receiver.try_iter().take(GROUP_MAX - 1));
        let written = files.iter_mut().zip(bytes).all(|(file, bytes)| {
            file.write_all(&vec![b'x'; bytes * group.len()]).is_ok() && file.sync_data().is_ok()
        });
        for waiter in group {
            // A client that went away listens no more.
            let _ = waiter.send(written);
        }
    }
}
