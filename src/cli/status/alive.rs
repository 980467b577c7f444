//! Whether the daemon is alive, for whoever restarts one that is not: the console answers, or, where that is off, a listener
//! greets. It asks for nothing else, and takes no other daemon that has the console's address for this one: that knows another
//! token.

use std::path::Path;

use super::{silent, unheard};
use crate::{
    cli::{
        console_api,
        outcome::{Failure, Outcome},
        state::block_on,
    },
    config::Config,
    console::client::Unanswered,
    doctor::greeting,
    store,
};

/// `is_elsewhere`: it has another store than this command, which tells nothing of it.
pub fn look(config: &Config, file: &Path, is_elsewhere: bool) -> Outcome {
    if config.console.listen.is_some() {
        return console_api::is_alive(config, is_elsewhere).map_err(|cause| match cause {
            // So it is for everybody.
            Unanswered::NotThere(_) if store::is_closed(&config.store) => {
                let (text, next) = unheard(&cause);
                Failure::new(text, next)
            }
            cause => silent(config, file, &cause),
        });
    }
    if !is_elsewhere && store::is_vacant(&config.store) {
        return Err(silent(config, file, &Unanswered::Untold("it does not run".to_owned())));
    }
    let (_, at) = greeting::place(&config.listeners).ok_or_else(|| unaskable(file))?;
    block_on(async { greeting::heard(at).await.map_err(|cause| silent(config, file, &cause)) })
}

fn unaskable(file: &Path) -> Failure {
    Failure::new(
        "the console is off, and no listener greets without TLS at a port that the configuration names: nothing here can \
         be asked",
        format!(
            "take `listen = \"off\"` out of [console] in {}: it listens on this machine alone then",
            file.display()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_whose_store_is_elsewhere_is_alive_if_it_greets_whatever_the_store_here_says() {
        use std::io::Write;
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = taken.local_addr().unwrap();
        let greets = std::thread::spawn(move || taken.accept().unwrap().0.write_all(b"220 here\r\n"));
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "[store]\nurl = \"sqlite://{}/none.db\"\n[console]\nlisten = \"off\"\n[[listener]]\nprotocol = \"smtp\"\nlisten = \
             [\"{at}\"]\ntls = \"off\"\n",
            dir.path().display()
        );
        let around = crate::config::Surroundings::default();
        let config = crate::config::check_text(&text, "gatepost.toml", &around).unwrap().0;
        let file = Path::new("gatepost.toml");
        assert!(look(&config, file, false).is_err(), "the store is its own, and nobody has it");
        assert!(look(&config, file, true).is_ok());
        greets.join().unwrap().unwrap();
    }
}
