//! `GET /api/v1/system`: the machine, the program on it, and how long everything takes.

use axum::extract::State;
use axum::response::Response;

use super::Site;
use super::form::Form;

/// `POST /api/v1/lamp/acknowledge`: as a short press of the button.
pub(super) async fn acknowledge(State(site): State<Site>, form: Form) -> Response {
    site.inner.gauges.panel.acknowledge();
    form.of(&site.inner.gauges.panel.told())
}

pub(super) async fn system(State(site): State<Site>, form: Form) -> Response {
    let inner = site.inner.clone();
    // The files of the system are short, but nobody promises how soon they are read.
    form.of_work(move || Ok(inner.gauges.system())).await
}
