//! How good forecasts are against "no change", with an interval that keeps its promise.
//!
//! ```text
//! ForecastRecord ─► Pending ──target minute closes──► ScoreRecord ─► ScoreBook (seven days) ─► SkillReport
//!   bands as shown ────┘                                                 └─► bands around the next, evidence
//! ```
//!
//! skill = 1 - mean |error| / mean |move|, where "no change" errs by the whole move. Forecasts are made every minute and
//! look further than a minute, so neighbouring errors share most of their outcome: counted as independent they would prove
//! almost anything. The interval therefore uses the long-run variance of the error differential, as Diebold and Mariano
//! do (*Comparing Predictive Accuracy*, Journal of Business & Economic Statistics 13, 1995), with the estimator of Newey
//! and West (*A Simple, Positive Semi-Definite, Heteroskedasticity and Autocorrelation Consistent Covariance Matrix*,
//! Econometrica 55, 1987), the delta method for the ratio, and critical values that know the estimator's own error (Kiefer
//! and Vogelsang, *A New Asymptotic Theory for Heteroskedasticity-Autocorrelation Robust Tests*, Econometric Theory 21, 2005).

mod bands;
mod book;
mod card;
mod pending;
mod report;
#[cfg(test)]
mod tests;

pub use bands::{BANDS, Widths};
pub use book::{DAYS, ScoreBook};
pub use card::{QuantileCard, Scorecard, Sealed, evidence, judge, quantile_card, scorecard, versus, widths};
pub use pending::{Pending, log_return};
pub use report::{EVIDENCE_MIN, Score, SkillReport, Verdict, evaluate};
