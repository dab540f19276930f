//! Export into a bucket: a server that speaks S3, which goes away in the middle.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tickerbox_tests::demo::Demo;
use tickerbox_tests::{Finished, tickerbox};
use tokio::runtime::Runtime;

/// Serves a folder as buckets until it is dropped, and answers only so often.
struct Server {
    address: SocketAddr,
    /// Ends all connections with it.
    _runtime: Runtime,
}

impl Server {
    fn start(root: &Path, answers: i64) -> Self {
        let mut builder = S3ServiceBuilder::new(FileSystem::new(root).expect("a folder"));
        builder.set_auth(SimpleAuth::from_single("box", "secret"));
        let service = builder.build();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("starts");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        listener.set_nonblocking(true).expect("a socket");
        let left = Arc::new(AtomicI64::new(answers));
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
            while let Ok((stream, _)) = listener.accept().await {
                let (service, left) = (service.clone(), left.clone());
                tokio::spawn(async move {
                    let answer = service_fn(move |request: Request<Incoming>| {
                        let is_gone = left.fetch_sub(1, Ordering::SeqCst) <= 0;
                        let answer = Service::call(&service, request);
                        async move {
                            // Without an answer the connection ends.
                            let answer = if is_gone {
                                Err("gone".to_owned())
                            } else {
                                answer.await.map_err(|e| format!("{e:?}"))
                            };
                            answer.map_err(std::io::Error::other)
                        }
                    });
                    let builder = Builder::new(TokioExecutor::new());
                    // The client sees what went wrong.
                    drop(builder.serve_connection(TokioIo::new(stream), answer).await);
                });
            }
        });
        Self { address, _runtime: runtime }
    }
}

/// Every file below a folder but the metadata, which tell when they were written.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "csv" || end == "parquet") {
                let name = path.strip_prefix(root).expect("below it").to_string_lossy().into_owned();
                found.insert(name, std::fs::read(&path).expect("reads"));
            }
        }
    }
    found
}

#[test]
fn a_bucket_gets_every_file_once_although_its_server_goes_away() {
    let (dir, folder, root) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    let demo = Demo::start(dir.path(), &["--speed", "60", "--log", "error"]);
    demo.wait_until("some candles", |health| health["store"]["commits"].as_u64() > Some(6));
    demo.kill();
    let data = dir.path().to_str().expect("a plain name");
    let plain = tickerbox(&["export", "--data-dir", data, "--out", folder.path().to_str().expect("plain"), "--json"]);
    let written = plain.json()["written"].as_u64().expect("a number");
    assert!(written >= 8, "{plain:?}");

    std::fs::create_dir(root.path().join("lake")).expect("a bucket");
    let keys = dir.path().join("keys");
    std::fs::write(&keys, "[default]\naws_access_key_id = box\naws_secret_access_key = secret\n").expect("writes");
    let export = |server: &Server| -> Finished {
        let endpoint = format!("http://{}", server.address);
        let keys = keys.to_str().expect("a plain name");
        let to = ["--out", "s3://lake/a/b", "--endpoint", &endpoint, "--credentials", keys, "--json"];
        tickerbox(&[&["export", "--data-dir", data][..], &to].concat())
    };
    // The first answer is that there are no metadata.
    let server = Server::start(root.path(), 5);
    let cut = export(&server);
    cut.assert_refused(&["s3://lake/a/b/kind="]);
    drop(server);
    let there = files(&root.path().join("lake/a/b")).len();
    assert!(there > 0 && there < written as usize, "{there} of {written}");

    let server = Server::start(root.path(), i64::MAX);
    assert_eq!(export(&server).json()["written"], written);
    let (ours, theirs) = (files(folder.path()), files(&root.path().join("lake/a/b")));
    assert!(ours == theirs, "{:?} {:?}", ours.keys(), theirs.keys());
    let again = export(&server).json();
    assert_eq!((&again["written"], &again["unchanged"]), (&0.into(), &written.into()), "{again}");

    // A box that runs does it by itself, and says what is wrong.
    std::fs::write(&keys, "[default]\naws_access_key_id = box\naws_secret_access_key = wrong\n").expect("writes");
    export(&server).assert_refused(&["s3://lake/a/b/metadata.json"]);
}
