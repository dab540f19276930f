//! `verify`.

use std::path::PathBuf;

use clap::Args;
use infer::Model;
use serde_json::json;

/// Check a bundle as the box does: sizes, signature, digests, fingerprint, shapes, and the probes' answers.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Folder, manifest or `.tbx` file.
    #[arg(long, value_name = "PATH")]
    bundle: PathBuf,
    #[command(flatten)]
    trust: super::Trust,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let bundle = bundle::load(&self.bundle, &self.trust.keys()?)?;
        let model = Model::load(&bundle)?;
        super::report::check_fingerprint(bundle.manifest())?;
        let (macs, probes) = (model.macs()?, model.probes());
        let manifest = bundle.manifest();
        if self.json {
            let value = json!({
                "name": manifest.name,
                "revision": manifest.revision,
                "digest": bundle.digest().to_string(),
                "signer": bundle.signer().to_string(),
                "integer_macs": macs.integer,
                "float_macs": macs.float,
                "probes": probes.probes,
                "log_return_max_bps": probes.log_return_max_bps,
                "p_up_max": probes.p_up_max,
            });
            println!("{value}");
            return Ok(());
        }
        println!(
            "{} revision {}, made {}: {}",
            manifest.name, manifest.revision, manifest.created, manifest.architecture
        );
        println!("digest {}", bundle.digest());
        println!("signed by {}", bundle.signer());
        println!("{} integer and {} float multiply-accumulates an answer", macs.integer, macs.float);
        let (bps, share) = (probes.log_return_max_bps, probes.p_up_max);
        println!("{} probes met within {bps:.1e} bps and {share:.1e} of probability", probes.probes);
        Ok(())
    }
}
