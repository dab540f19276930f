//! `html`.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use bundle::{Manifest, VerifiedBundle};
use clap::Args;
use engine::skill::{Sealed, scorecard};
use infer::Model;
use rayon::prelude::*;
use serde::Deserialize;
use types::Timestamp;

use crate::controls::{self, Question};
use crate::dataset::Dataset;
use crate::ensemble::ENSEMBLE_NAME;
use crate::html::{Contents, Held, page};
use crate::run;
use crate::runs::TRIALS_NAME;
use crate::tune::Summary;
use crate::windows::{self, Window};

/// Write a report as one HTML file: skill beside the controls, folds, calibration, intervals, losses.
#[derive(Debug, Args)]
pub(super) struct Html {
    /// Folder, manifest or `.tbx` file.
    #[arg(long, value_name = "PATH")]
    bundle: PathBuf,
    /// Dataset it was trained on.
    #[arg(long, value_name = "FILE")]
    dataset: PathBuf,
    /// Folder of its run: for the loss curves and the number of trials.
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    #[command(flatten)]
    trust: super::Trust,
    /// Where the page goes.
    #[arg(long, value_name = "FILE.html")]
    out: PathBuf,
}

/// What is read of a run.
#[derive(Default, Deserialize)]
struct Losses {
    losses: Vec<(f32, f32)>,
}

impl Html {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let bundle = bundle::load(&self.bundle, &self.trust.keys()?)?;
        let manifest = bundle.manifest();
        super::report::check_fingerprint(manifest)?;
        let dataset = Dataset::load(&self.dataset)?;
        check_same_data(manifest, &dataset)?;
        let folds = manifest.training.folds.len();
        let question = Question { window: manifest.rows() as usize, horizons: horizons(manifest), folds };
        let (losses, of_run) = self.of_run()?;
        // Bundles made before they told their search have it in the run only.
        let trials = manifest.training.search.map(|search| search.trials as usize).or(of_run);
        let contents = Contents {
            name: format!("{} revision {}", manifest.name, manifest.revision),
            about: manifest.architecture.clone(),
            span: span(manifest.training.split.held_out_ms),
            held_out: held_out(&bundle, &dataset)?,
            controls: controls::held_out(&dataset, &question)?,
            folds: manifest.training.folds.clone(),
            losses,
            trials,
            importance: manifest.importance.clone(),
            facts: facts(&bundle),
        };
        run::write(&self.out, page(&contents).as_bytes())?;
        println!("{}", self.out.display());
        Ok(())
    }

    fn of_run(&self) -> anyhow::Result<(Vec<(f32, f32)>, Option<usize>)> {
        // The members of an ensemble have curves of their own.
        let Some(folder) = self.run.as_ref().filter(|folder| !folder.join(ENSEMBLE_NAME).exists()) else {
            return Ok((Vec::new(), None));
        };
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).with_context(|| format!("{}", path.display()))
        };
        let Losses { losses } = serde_json::from_slice(&read("trained.json")?).context("trained.json")?;
        let trials = if folder.join(TRIALS_NAME).is_file() {
            Some(serde_json::from_slice::<Summary>(&read(TRIALS_NAME)?).context(TRIALS_NAME)?.trials)
        } else {
            None
        };
        Ok((losses, trials))
    }
}

/// Another dataset would have other folds, and a held-out part that the model may have learnt from.
fn check_same_data(manifest: &Manifest, dataset: &Dataset) -> anyhow::Result<()> {
    let told = manifest.training.data.iter().map(|range| range.sha256);
    let is_same = manifest.features == dataset.features && told.eq(dataset.series.iter().map(|series| series.sha256));
    ensure!(is_same, "the dataset is not the one this model was trained on");
    Ok(())
}

fn held_out(bundle: &VerifiedBundle, dataset: &Dataset) -> anyhow::Result<Vec<Held>> {
    let (manifest, model) = (bundle.manifest(), Model::load(bundle)?);
    let (len, horizons) = (manifest.rows() as usize, horizons(manifest));
    let (from, to) = manifest.training.split.held_out_ms;
    let mut of = windows::labelled(dataset, len, &horizons, (from / 60_000, to / 60_000));
    of.retain(|window| dataset.series[window.series].timeframe_min == manifest.timeframe_min);
    let values: Vec<&[f32]> = of.iter().map(|window| windows::values(dataset, *window, len)).collect();
    let answers = model.predict_all(&values)?;
    let is_mine = |series: &usize| dataset.series[*series].timeframe_min == manifest.timeframe_min;
    let asked: Vec<(usize, usize, u16)> = (0..dataset.series.len())
        .filter(is_mine)
        .flat_map(|series| horizons.iter().enumerate().map(move |(position, horizon)| (series, position, *horizon)))
        .collect();
    let held = |(series, position, horizon): &(usize, usize, u16)| {
        let sealed = |(window, answer): (&Window, &infer::Answer)| {
            let series = &dataset.series[window.series];
            let said = &answer.horizons[*position];
            Sealed {
                minute: series.minutes[window.end] as u32,
                forecast: said.log_return,
                p_up: said.p_up,
                outcome: series.log_return(window.end, *horizon).expect("labelled windows have outcomes") as f32,
            }
        };
        let mine = of.iter().zip(&answers).filter(|(window, _)| window.series == *series);
        let sealed: Vec<Sealed> = mine.map(sealed).collect();
        let ahead = horizon * manifest.timeframe_min;
        Held { source: dataset.series[*series].source.clone(), card: scorecard(&sealed, ahead), sealed }
    };
    Ok(asked.par_iter().map(held).collect())
}

/// Horizons of a model in candles.
fn horizons(manifest: &Manifest) -> Vec<u16> {
    manifest.horizons_min.iter().map(|horizon| horizon / manifest.timeframe_min).collect()
}

fn facts(bundle: &VerifiedBundle) -> Vec<(String, String)> {
    let manifest = bundle.manifest();
    let training = &manifest.training;
    let mut facts = vec![
        ("made".to_owned(), format!("{} by {}", manifest.created, training.trainer)),
        ("digest".to_owned(), bundle.digest().to_string()),
        ("signed by".to_owned(), bundle.signer().to_string()),
        ("split".to_owned(), training.split.text.clone()),
        ("features".to_owned(), manifest.features.join(", ")),
    ];
    for range in &training.data {
        facts.push((
            "data".to_owned(),
            format!("{}: {} minutes, {}", range.source, range.minutes, span((range.first_ms, range.last_ms))),
        ));
    }
    facts.push(("seed".to_owned(), training.seed.to_string()));
    facts.extend(training.settings.iter().map(|(name, value)| (name.replace('_', " "), value.clone())));
    facts
}

fn span((from, to): (i64, i64)) -> String {
    let minute = |ms: i64| Timestamp::from_millis(ms).to_string()[..16].replace('T', " ");
    format!("{} to {} UTC", minute(from), minute(to))
}
