//! `requests`.

use std::thread;
use std::time::Duration;

use clap::Args;
use registry::{Home, Request, Token};

/// How often a box is asked.
const EVERY: Duration = Duration::from_secs(30);

/// Show what a box wants to have trained. Answer with `push --to "http://BOX?request=N"`.
#[derive(Debug, Args)]
pub(super) struct Requests {
    /// The box, `http://tickerbox.local:8080`.
    #[arg(long, value_name = "URL")]
    from: String,
    /// Token of the box; better in the environment, where others do not see it.
    #[arg(long, env = "TICKERBOX_TOKEN", hide_env_values = true)]
    token: Option<Token>,
    /// Wait until there is one that nobody has answered.
    #[arg(long)]
    wait: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Requests {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let home = Home::open(&self.from, self.token.as_ref())?;
        let open = loop {
            let mut requests = home.requests()?;
            requests.retain(|request| request.answered_by.is_none());
            if !(self.wait && requests.is_empty()) {
                break requests;
            }
            thread::sleep(EVERY);
        };
        if self.json {
            println!("{}", serde_json::to_string(&open)?);
            return Ok(());
        }
        for Request { id, at, why, symbols, .. } in &open {
            let symbols = if symbols.is_empty() { "all markets".to_owned() } else { symbols.join(", ") };
            println!("{id}  {at}  {symbols}: {why}");
        }
        println!("{} requests wait", open.len());
        Ok(())
    }
}
