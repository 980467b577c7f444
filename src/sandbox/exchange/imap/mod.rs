//! stub
use super::wire::Wire;
pub(super) async fn converse(wire: Wire) -> std::io::Result<()> {
    wire.close().await;
    Ok(())
}
