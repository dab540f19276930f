//! `cargo xtask schemathesis`: what the box says about its API, held against what it does, by a program that asks for everything.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use clap::Parser;
use tickerbox_tests::demo::Demo;
use tickerbox_tests::owner::{bearer, claim};
use tickerbox_tests::visitor::Visitor;

/// What each answer is held against.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
     response_schema_conformance";
/// It would start the box anew under the questions.
const RESTART: &str = "/api/v1/restart";
/// Each of these ends the session that asks.
const FAREWELLS: [&str; 4] = ["/api/v1/logout", "/api/v1/password", "/api/v1/sessions", "/api/v1/sessions/{id}"];

/// Lets Schemathesis ask a box for everything that its description promises: an open box, and one with a login as its owner, as a program with
/// a token, and as nobody.
#[derive(Parser)]
struct Args {
    /// The program `schemathesis`.
    program: PathBuf,
    /// Most generated requests for each operation.
    #[arg(long, default_value_t = 20)]
    examples: u32,
    /// Seed of what is generated.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only these of the visitors: everyone, owner, program, nobody.
    #[arg(long, value_delimiter = ',')]
    visitors: Vec<String>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let is_wanted = |name: &str| args.visitors.is_empty() || args.visitors.iter().any(|wanted| wanted == name);
    let start = |dir: &std::path::Path, more: &[&str]| {
        let usual = ["--seed", "3", "--speed", "30", "--log", "error"];
        let demo = Demo::start(dir, &[&usual[..], more].concat());
        demo.wait_until("something kept", |health| health["store"]["commits"].as_u64() > Some(1));
        demo
    };
    let mut failed = Vec::new();
    if is_wanted("everyone") {
        let dir = tempfile::tempdir()?;
        let demo = start(dir.path(), &[]);
        if !asks(&args, demo.address(), &Visitor::new(demo.address()), &[])? {
            failed.push("everyone");
        }
    }
    let dir = tempfile::tempdir()?;
    let demo = start(dir.path(), &["--login"]);
    let owner = claim(demo.address(), dir.path());
    // The owner may revoke the token: the program comes first.
    let visitors = [
        ("program", bearer(&owner, "schemathesis", &["read", "control", "models"]), &[][..]),
        ("nobody", Visitor::new(demo.address()), &[]),
        ("owner", owner.clone(), &FAREWELLS),
    ];
    for (name, visitor, left_out) in visitors {
        if is_wanted(name) && !asks(&args, demo.address(), &visitor, left_out)? {
            failed.push(name);
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("answers that are not as described, to: {}", failed.join(", ")).into())
    }
}

/// Whether all answers were as described.
fn asks(args: &Args, address: SocketAddr, visitor: &Visitor, left_out: &[&str]) -> std::io::Result<bool> {
    let mut command = Command::new(&args.program);
    command.args(["run", &format!("http://{address}/api/v1/openapi.json"), "--checks", CHECKS]);
    command.args(["--phases", "coverage,fuzzing", "--continue-on-failure", "--request-timeout", "60"]);
    command.args(["--generation-database", "none", "--no-color"]);
    command.args(["--max-examples", &args.examples.to_string(), "--seed", &args.seed.to_string()]);
    for path in left_out.iter().chain(&[RESTART]) {
        command.args(["--exclude-path", path]);
    }
    for (name, value) in &visitor.headers {
        command.args(["--header", &format!("{name}: {value}")]);
    }
    Ok(command.status()?.success())
}
