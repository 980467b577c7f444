//! What all works share: the place, the stub, and the ways to it.

use std::{cell::Cell, net::SocketAddr, time::Instant};

use crate::{
    args::Args,
    gatepost::{Hash, Installed, Plan},
    part::Part,
    peers::{self, Kind, Upstream, Way},
    place::Place,
    stub::{ASKED, TOKEN},
    work::Ageing,
};

pub struct Bench<'a> {
    pub args: &'a Args,
    /// Descriptors that a process may have.
    pub files: u64,
    pub place: Place,
    pub stub: Upstream,
    /// The stub's SMTP that hangs up behind each message.
    pub hasty: SocketAddr,
    /// For the work on expired tokens, made when the run begins.
    pub ageing: Cell<Option<Ageing>>,
    started: Instant,
    step: Cell<&'static str>,
    // Last: it ends after whoever is connected to it.
    _stub: Part,
}

impl<'a> Bench<'a> {
    pub fn new(args: &'a Args, files: u64) -> Self {
        let place = Place::new(args.keep);
        let stub = Upstream { imap: place.port(), smtp: place.port(), token: place.port() };
        let hasty = place.port();
        let [imap, smtp, quick, token] = [stub.imap, stub.smtp, hasty, stub.token].map(|address| address.to_string());
        let words = ["stub", place.folder().to_str().unwrap(), &imap, &smtp, &quick, &token];
        let part = Part::ourselves(place.folder(), "stub", &words)
            .accepts(place.folder(), stub.token)
            .accepts(place.folder(), stub.imap)
            .accepts(place.folder(), stub.smtp)
            .accepts(place.folder(), hasty);
        Self {
            args,
            files,
            place,
            stub,
            hasty,
            ageing: Cell::new(None),
            started: Instant::now(),
            step: Cell::new(""),
            _stub: part,
        }
    }

    /// Says what is done now.
    pub fn says(&self, what: &str) {
        eprintln!("{:>4} s  {:<9} {what}", self.started.elapsed().as_secs(), self.step.get());
    }

    pub fn begins(&self, step: &'static str) {
        self.step.set(step);
    }

    pub fn rounds(&self, wanted: usize) -> usize {
        if self.args.quick { 2 } else { wanted }
    }

    pub fn some(&self, wanted: usize) -> usize {
        if self.args.quick { wanted.div_ceil(5) } else { wanted }
    }

    pub fn plan(&self) -> Plan {
        Plan { to: self.stub, token_url: self.url(TOKEN), accounts: 1, hash: Hash::Real, delivery: "direct" }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.stub.token)
    }

    pub fn install(&self, plan: &Plan) -> Installed {
        Installed::new(&self.args.gatepost, &self.place, plan)
    }

    /// These ways to `to`, ready to be used.
    pub fn ways(&self, kinds: &[Kind], to: Upstream) -> Vec<Way> {
        let started = kinds.iter().filter_map(|kind| match kind {
            Kind::Gatepost => Some(self.install(&Plan { to, ..self.plan() }).run()),
            other => peers::start(*other, &self.place, to),
        });
        started.collect()
    }

    /// How many refreshes were asked for in all.
    pub async fn refreshes(&self) -> u32 {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut tcp = tokio::net::TcpStream::connect(self.stub.token).await.unwrap();
        tcp.write_all(format!("GET {ASKED} HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.unwrap();
        answer.rsplit("\r\n").next().unwrap().parse().unwrap()
    }
}
