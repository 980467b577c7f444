//! When each of the watched things ends. Files are read again when they change, and not before.

use std::{
    collections::HashMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError, RwLock},
};

use jiff::{Timestamp, civil::Time, tz::TimeZone};

use super::{Ending, Watched, What, days_left};
use crate::net::{FileStamp, ServerTls, certificate_end};

/// A chain of certificates takes some KiB; a wrong path must not fill the memory.
const MOST_BYTES: u64 = 256 * 1024;

#[derive(Debug, Default)]
pub struct Calendar {
    watched: RwLock<Vec<Watched>>,
    read: Mutex<HashMap<PathBuf, Said>>,
}

/// Tells one content of a certificate's and its key's files from another without reading them.
type Stamp = [Option<FileStamp>; 2];

/// What a file said, and the file that said it.
#[derive(Debug, Clone)]
struct Said {
    stamp: Stamp,
    end: Result<Timestamp, String>,
}

impl Calendar {
    pub fn new(watched: Vec<Watched>) -> Self {
        Self { watched: RwLock::new(watched), read: Mutex::default() }
    }

    /// What a reload changes: the apps. Listeners stay as they are until a restart.
    pub fn take_over(&self, watched: Vec<Watched>) {
        let is_listeners = |one: &Watched| one.what == What::ListenerCertificate;
        let mut all = self.watched.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(is_listeners);
        all.extend(watched.into_iter().filter(|one| !is_listeners(one)));
        self.files().clear();
    }

    /// All of them, the earliest end first and what is not known behind it.
    pub fn endings(&self, now: Timestamp) -> Vec<Ending> {
        let watched = self.watched.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut endings: Vec<_> = watched.iter().map(|one| self.ending(one, now)).collect();
        endings.sort_by_key(|one| (one.ends_at.is_none(), one.ends_at, one.what, one.name.clone()));
        endings
    }

    /// When the secret or certificate of this app ends.
    pub fn of_app(&self, app: &str, now: Timestamp) -> Option<Ending> {
        let watched = self.watched.read().unwrap_or_else(PoisonError::into_inner).clone();
        let one = watched.iter().find(|one| one.what != What::ListenerCertificate && one.name == app)?;
        Some(self.ending(one, now))
    }

    fn ending(&self, watched: &Watched, now: Timestamp) -> Ending {
        // The day is over somewhere already when it begins elsewhere: rather told early.
        let day = watched.day.and_then(|day| TimeZone::UTC.to_timestamp(day.to_datetime(Time::midnight())).ok());
        let read = watched.certificate.as_deref().map(|file| self.certificate(file, watched.key.as_deref()));
        let (ends_at, trouble) = match read {
            Some(Ok(end)) => (Some(end), None),
            Some(Err(why)) => (day, Some(why)),
            None => (day, None),
        };
        let days_left = ends_at.map(|end| days_left(now, end));
        Ending { what: watched.what, name: watched.name.clone(), ends_at, days_left, trouble }
    }

    fn certificate(&self, file: &Path, key: Option<&Path>) -> Result<Timestamp, String> {
        let stamp = [FileStamp::of(file), key.and_then(FileStamp::of)];
        if let Some(known) = self.files().get(file)
            && known.stamp == stamp
            && stamp[0].is_some()
        {
            return known.end.clone();
        }
        let end = read(file, key);
        self.files().insert(file.to_owned(), Said { stamp, end: end.clone() });
        end
    }

    fn files(&self) -> MutexGuard<'_, HashMap<PathBuf, Said>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(file: &Path, key: Option<&Path>) -> Result<Timestamp, String> {
    let mut pem = Vec::new();
    let open = File::open(file).and_then(|open| open.take(MOST_BYTES).read_to_end(&mut pem));
    open.map_err(|cause| format!("{}: {cause}", file.display()))?;
    let end = certificate_end(&pem).ok_or_else(|| format!("{}: no certificate in PEM", file.display()))?;
    key.map_or(Ok(()), |key| ServerTls::prove(file, key)).map_err(|fault| fault.to_string())?;
    Ok(end)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn write(file: &Path, year: i32) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(year, 5, 6));
        std::fs::write(file, params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()).unwrap();
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_certificate_tells_its_end_itself_and_again_when_it_is_renewed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("app.pem");
        write(&file, 2031);
        let day = Some("2040-01-01".parse().unwrap());
        let app = Watched {
            what: What::AppCertificate,
            name: "contoso".into(),
            certificate: Some(file.clone()),
            key: None,
            day,
        };
        let calendar = Calendar::new(vec![app]);
        let now = at("2031-05-04T12:00:00Z");
        let ending = calendar.of_app("contoso", now).unwrap();
        assert_eq!((ending.ends_at, ending.days_left), (Some(at("2031-05-06T00:00:00Z")), Some(2)));
        write(&file, 2033);
        File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_modified(SystemTime::now() + Duration::from_secs(9))
            .unwrap();
        assert_eq!(calendar.of_app("contoso", now).unwrap().ends_at, Some(at("2033-05-06T00:00:00Z")));
        std::fs::write(&file, "no certificate").unwrap();
        let ending = calendar.of_app("contoso", now).unwrap();
        assert_eq!(ending.ends_at, Some(at("2040-01-01T00:00:00Z")), "the configuration's word is left");
        assert!(ending.trouble.unwrap().ends_with("app.pem: no certificate in PEM"));
    }

    /// The listener goes on with the pair that it has; at its restart it would have none.
    #[test]
    fn a_key_of_another_certificate_is_trouble_until_it_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let [file, key] = ["cert.pem", "key.pem"].map(|name| dir.path().join(name));
        let (own, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&file, params.self_signed(&own).unwrap().pem()).unwrap();
        std::fs::write(&key, own.serialize_pem()).unwrap();
        let listener = Watched {
            what: What::ListenerCertificate,
            name: "cert.pem".into(),
            certificate: Some(file),
            key: Some(key.clone()),
            day: None,
        };
        let calendar = Calendar::new(vec![listener]);
        let trouble = |pem: String, stamp: u64| {
            std::fs::write(&key, pem).unwrap();
            let at = SystemTime::now() + Duration::from_secs(stamp);
            File::options().write(true).open(&key).unwrap().set_modified(at).unwrap();
            calendar.endings(at_any_time()).remove(0).trouble
        };
        assert_eq!(trouble(own.serialize_pem(), 0), None);
        let told = trouble(other.serialize_pem(), 9).unwrap();
        assert!(told.contains("key.pem: does not belong to") && !told.contains("BEGIN"), "{told}");
        assert_eq!(trouble(own.serialize_pem(), 18), None);
    }

    fn at_any_time() -> Timestamp {
        at("2031-01-02T01:00:00Z")
    }

    #[test]
    fn the_earliest_end_comes_first_and_what_is_unknown_last_with_its_reason() {
        let of = |what, name: &str, day: Option<&str>, certificate: Option<&str>| Watched {
            what,
            name: name.into(),
            certificate: certificate.map(PathBuf::from),
            key: None,
            day: day.map(|day| day.parse().unwrap()),
        };
        let calendar = Calendar::new(vec![
            of(What::ListenerCertificate, "lost.pem", None, Some("/nowhere/lost.pem")),
            of(What::ClientSecret, "late", Some("2032-01-01"), None),
            of(What::ClientSecret, "soon", Some("2031-01-01"), None),
        ]);
        let endings = calendar.endings(at("2031-01-02T01:00:00Z"));
        let names: Vec<_> = endings.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["soon", "late", "lost.pem"]);
        assert_eq!(endings[0].days_left, Some(-1));
        assert!(endings[2].trouble.as_ref().unwrap().starts_with("/nowhere/lost.pem: "));
        assert_eq!(calendar.of_app("lost.pem", at("2031-01-02T01:00:00Z")), None, "that is no app");
        calendar.take_over(Vec::new());
        let left = calendar.endings(at("2031-01-02T01:00:00Z"));
        assert_eq!(left.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["lost.pem"], "until a restart");
    }
}
