//! A webhook on a real socket, and a notifier around a calendar and a store that stay.

use super::*;

/// A service that answers in turn, then always 200 but to what it cannot digest; it remembers what it was sent.
pub struct Hook {
    pub address: std::net::SocketAddr,
    script: Arc<Mutex<VecDeque<&'static str>>>,
    got: Arc<Mutex<Vec<Value>>>,
    arrived: Arc<tokio::sync::Notify>,
}

impl Hook {
    pub async fn start(script: &[&'static str]) -> Self {
        Self::answering(script, None).await
    }

    /// It never takes what has that word in it.
    pub async fn refusing(word: &'static str) -> Self {
        Self::answering(&[], Some(word)).await
    }

    async fn answering(script: &[&'static str], refused: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hook = Self {
            address: listener.local_addr().unwrap(),
            script: Arc::new(Mutex::new(script.iter().copied().collect())),
            got: Arc::default(),
            arrived: Arc::default(),
        };
        let (script, got, arrived) = (hook.script.clone(), hook.got.clone(), hook.arrived.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut seen = Vec::new();
                let body = loop {
                    stream.read_buf(&mut seen).await.unwrap();
                    let text = String::from_utf8_lossy(&seen).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                    if body.len() == length.unwrap().parse::<usize>().unwrap() {
                        break body.to_owned();
                    }
                };
                got.lock().unwrap().push(serde_json::from_str(&body).unwrap());
                let otherwise = if refused.is_some_and(|word| body.contains(word)) { "500 Oh" } else { "200 OK" };
                let status = script.lock().unwrap().pop_front().unwrap_or(otherwise);
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
                arrived.notify_one();
            }
        });
        hook
    }

    pub fn got(&self) -> Vec<Value> {
        self.got.lock().unwrap().clone()
    }

    /// Until that many requests came.
    pub async fn until(&self, requests: usize) {
        while self.got().len() < requests {
            tokio::time::timeout(Duration::from_secs(10), self.arrived.notified()).await.expect("a request");
        }
    }

    pub fn notify(&self) -> Notify {
        let webhook = Some(Secret::new(format!("http://{}/hooks/s3cret", self.address)));
        Notify { webhook, ..Notify::default() }
    }
}

pub fn orders(notify: &Notify) -> Arc<Orders> {
    let channels = Arc::new(Channels::new(notify, &http()));
    Arc::new(Orders {
        channels,
        addresses: HashMap::new(),
        known: HashMap::new(),
        domains: Vec::new(),
        lang: notify.lang,
    })
}

pub fn http() -> HttpClient {
    HttpClient::new(&Network::default(), &ClientTls::trusting_only([]).unwrap()).unwrap()
}

/// A notifier around a calendar, over a store that stays.
pub struct House {
    pub keepers: Arc<Keepers>,
    pub calendar: Arc<Calendar>,
    pub meter: Meter,
    pub store: Arc<Store>,
    pub _orders: watch::Sender<Arc<Orders>>,
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

impl House {
    pub async fn start(dir: &std::path::Path, notify: &Notify, watched: Vec<Watched>, ahead: i64) -> Self {
        let url = format!("sqlite://{}/gatepost.db", dir.display());
        let settings = Settings { url, key: None, key_file: dir.join("key") };
        let store = Arc::new(Store::open(&settings).await.unwrap());
        let meter = Meter::new();
        let keepers = Arc::new(Keepers::new(store.clone(), http(), meter.clone(), None));
        keepers.clock().ahead.store(ahead.unsigned_abs(), Ordering::SeqCst);
        let calendar = Arc::new(Calendar::new(watched));
        let orders = orders(notify);
        let orders = watch::Sender::new(orders);
        let notifier = Notifier {
            keepers: keepers.clone(),
            calendar: calendar.clone(),
            mail: Box::new(Mail::default),
            store: store.clone(),
            meter: meter.clone(),
            host: "mailhost".into(),
            pages: None,
            orders: orders.subscribe(),
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(notifier.run(stop.clone()));
        Self { keepers, calendar, meter, store, _orders: orders, stop, task }
    }

    /// Moves the clock, and lets it be looked at.
    pub fn ahead(&self, seconds: i64) {
        self.keepers.clock().ahead.store(seconds.unsigned_abs(), Ordering::SeqCst);
        self.keepers.apply(&[], &[]);
    }

    pub async fn stopped(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    pub async fn until_told(&self, topics: usize) {
        for _ in 0..5000 {
            if self.store.told().await.unwrap().len() == topics {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("{:?}", self.store.told().await);
    }
}
