//! Files that prove the app: certificates, keys, tokens. Read when they are needed, so that a renewed one needs no
//! restart, and never beyond what any of them can be, so that a wrong path fills no memory.

use std::{
    io::{Error, ErrorKind, Result},
    path::Path,
};

use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

/// A chain of certificates takes some KiB, a token of another issuer too.
pub const CAP: u64 = 64 * 1024;

/// The text of a file of at most `cap` bytes.
pub async fn read(file: &Path, cap: u64) -> Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let open = tokio::fs::File::open(file).await?;
    match open.take(cap + 1).read_to_string(&mut text).await? {
        length if length as u64 > cap => Err(Error::new(ErrorKind::FileTooLarge, format!("larger than {cap} bytes"))),
        _ => Ok(text),
    }
}
