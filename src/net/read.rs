//! Reading without a buffer while nothing comes: a session that waits holds none.

use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

/// Enough for commands and replies.
const USUAL: usize = 4 * 1024;

/// Reads once and shows what came to `take`; zero is the end. Cancel safe.
pub async fn read_some<S: AsyncRead + Unpin>(stream: &mut S, take: impl FnMut(&[u8])) -> io::Result<usize> {
    read_up_to::<USUAL, S>(stream, take).await
}

/// The same with up to `MOST` octets. The buffer lives on the stack of one poll, not in the future: thousands of silent
/// sessions would pay for it.
pub async fn read_up_to<const MOST: usize, S: AsyncRead + Unpin>(
    stream: &mut S,
    mut take: impl FnMut(&[u8]),
) -> io::Result<usize> {
    poll_fn(|cx| {
        let mut chunk = [MaybeUninit::uninit(); MOST];
        let mut buffer = ReadBuf::uninit(&mut chunk);
        ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer))?;
        take(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_for_bytes_is_far_smaller_than_the_bytes() {
        let (mut near, far) = tokio::io::duplex(64);
        let waits = read_some(&mut near, |_| {});
        assert!(size_of_val(&waits) < 256, "{}", size_of_val(&waits));
        drop((waits, far));
        assert_eq!(read_some(&mut near, |bytes| assert!(bytes.is_empty())).await.unwrap(), 0);
    }
}
