//! Lambda's side: functions ask here for their next event, and leave their
//! answers. All processes that ask at one address share one queue, as all
//! sandboxes of a function do.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt as _, Collected, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{Mutex as Turn, mpsc};

use crate::Error;

/// What a function has for an answer, from the template.
pub const TIMEOUT: Duration = Duration::from_mins(1);

/// An answer, and how long it took.
#[derive(Debug)]
pub struct Answered {
    /// The event's number.
    pub event: usize,
    /// Whether the function reported an error.
    pub failed: bool,
    /// What it said.
    pub body: Bytes,
    /// From handing the event over until the answer was there.
    pub took: Duration,
    /// When the answer was there.
    pub at: Instant,
}

/// The Runtime API of one function.
#[derive(Debug)]
pub struct RuntimeApi {
    /// `host:port`, for `AWS_LAMBDA_RUNTIME_API`.
    pub address: String,
    /// Events to be handed over, by their numbers.
    pub events: mpsc::UnboundedSender<(usize, Bytes)>,
    /// Answers, as they come.
    pub answers: mpsc::UnboundedReceiver<Answered>,
    /// Each time a process asks for its next event.
    pub asked: mpsc::UnboundedReceiver<Instant>,
}

struct Desk {
    events: Turn<mpsc::UnboundedReceiver<(usize, Bytes)>>,
    answers: mpsc::UnboundedSender<Answered>,
    asked: mpsc::UnboundedSender<Instant>,
    handed: Mutex<HashMap<usize, Instant>>,
}

impl RuntimeApi {
    /// Listens on a free port until the runtime ends.
    pub async fn start() -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (events, waiting) = mpsc::unbounded_channel();
        let (answered, answers) = mpsc::unbounded_channel();
        let (asking, asked) = mpsc::unbounded_channel();
        let desk = Arc::new(Desk {
            events: Turn::new(waiting),
            answers: answered,
            asked: asking,
            handed: Mutex::default(),
        });
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let _nagle = connection.set_nodelay(true);
                let desk = Arc::clone(&desk);
                let service = service_fn(move |request| {
                    let desk = Arc::clone(&desk);
                    async move { Ok::<_, Infallible>(desk.serve(request).await) }
                });
                let connection = TokioIo::new(connection);
                let server = hyper::server::conn::http1::Builder::new();
                tokio::spawn(server.serve_connection(connection, service));
            }
        });
        Ok(Self { address, events, answers, asked })
    }
}

impl Desk {
    async fn serve(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        if parts.method == Method::GET {
            return self.next().await;
        }
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        let at = Instant::now();
        let mut path = parts.uri.path().rsplit('/');
        let (verb, event) = (path.next(), path.next());
        let event = event.and_then(|id| id.trim_start_matches(['0', '-']).parse().ok());
        let mut handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(event) = event
            && let Some(since) = handed.remove(&event)
        {
            let (failed, took) = (verb == Some("error"), at - since);
            let _nobody_waits = self.answers.send(Answered { event, failed, body, took, at });
        }
        let mut accepted = Response::new(Full::from("{\"status\":\"OK\"}"));
        *accepted.status_mut() = hyper::StatusCode::ACCEPTED;
        accepted
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        let _nobody_waits = self.asked.send(Instant::now());
        let Some((event, payload)) = self.events.lock().await.recv().await else {
            // The bench is over. Nobody answers a function any more.
            return std::future::pending().await;
        };
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let deadline = (since_epoch + TIMEOUT).as_millis().to_string();
        let id = format!("00000000-0000-0000-0000-{event:012}");
        let arn = "arn:aws:lambda:eu-central-1:111122223333:function:bench";
        let mut response = Response::new(Full::new(payload));
        for (name, value) in [
            ("lambda-runtime-aws-request-id", id.as_str()),
            ("lambda-runtime-deadline-ms", &deadline),
            ("lambda-runtime-invoked-function-arn", arn),
            ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0"),
            ("content-type", "application/json"),
        ] {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        let mut handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
        handed.insert(event, Instant::now());
        response
    }
}
