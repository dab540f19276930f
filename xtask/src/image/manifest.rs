//! What Raspberry Pi Imager wants to know of the image: `rpi-imager --repo FILE`.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::{Plan, sbom};

pub(super) fn text(
    plan: &Plan,
    image: &Path,
    packed: &Path,
    [digest, packed_digest]: [&String; 2],
    url: Option<&str>,
) -> Result<String> {
    let place = match url {
        Some(url) => url.to_owned(),
        None => format!("file://{}", fs::canonicalize(packed)?.display()),
    };
    let manifest = json!({ "os_list": [{
        "name": format!("Tickerbox {}", env!("CARGO_PKG_VERSION")),
        "description": "A crypto market appliance for the home: watches, keeps, forecasts and trades on paper",
        "url": place,
        "release_date": &sbom::utc(plan.epoch)[..10],
        "extract_size": fs::metadata(image)?.len(),
        "extract_sha256": digest,
        "image_download_size": fs::metadata(packed)?.len(),
        "image_download_sha256": packed_digest,
        // Imager writes user-data and network-config to the boot partition, and changes nothing else.
        "init_format": "cloudinit",
        "devices": ["pi3-64bit", "pi4-64bit", "pi5-64bit"],
    }]});
    Ok(serde_json::to_string_pretty(&manifest)? + "\n")
}
