//! Revisions of the numeric components. Raise one when a change alters the numbers it gives: every recipe that names
//! it then gets a new address, and nothing trained by the old code is served for the new.

use super::{DataIdentity, Domain, EvaluationKind, LightViews, Method, Network, Operator, Pretext, Views};

/// A numeric component and its revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component {
    pub name: &'static str,
    pub revision: u32,
}

const fn component(name: &'static str, revision: u32) -> Component {
    Component { name, revision }
}

const RANDOM: Component = component("random", 1);
const TRAIN: Component = component("train", 1);

fn prepare(data: &DataIdentity) -> Component {
    match data.settings.set.domain() {
        Domain::Tabular => component("data.tabular", 1),
        Domain::Images => component("data.images", 1),
        Domain::Speech => component("data.speech", 1),
    }
}

fn network(network: &Network) -> Component {
    match network {
        Network::Mlp { .. } => component("network.mlp", 1),
        Network::Resnet { .. } => component("network.resnet", 2),
    }
}

fn views(views: &Views) -> Component {
    match views {
        Views::Tabular { .. } => component("views.tabular", 1),
        Views::Image { .. } => component("views.image", 1),
        Views::Speech { .. } => component("views.speech", 1),
        Views::Identity => component("views.identity", 1),
    }
}

fn method(method: Method) -> Component {
    match method {
        Method::Npair => component("objective.npair", 1),
        Method::Simclr => component("objective.simclr", 1),
        Method::Moco => component("objective.moco", 1),
        Method::Byol => component("objective.byol", 2),
    }
}

fn operator(operator: Operator) -> Option<Component> {
    match operator {
        Operator::None => None,
        Operator::Mixup => Some(component("mix.mixup", 1)),
        Operator::Cutmix => Some(component("mix.cutmix", 1)),
    }
}

/// Components that a pretext run's numbers depend on.
pub(super) fn of_pretext(
    data: &DataIdentity,
    of_views: &Views,
    of_network: &Network,
    pretext: &Pretext,
) -> Vec<Component> {
    let mut components =
        vec![RANDOM, TRAIN, prepare(data), network(of_network), views(of_views), method(pretext.method)];
    components.extend(operator(pretext.mix.operator));
    components.extend(pretext.mix.layers.as_ref().map(|_| component("mix.layers", 1)));
    components.extend(pretext.input_mix.as_ref().map(|_| component("mix.input-mix", 1)));
    components
}

/// Components that an evaluation's numbers depend on, its encoder aside.
pub(super) fn of_evaluation(data: &DataIdentity, of_network: &Network, kind: &EvaluationKind) -> Vec<Component> {
    let own = match kind {
        EvaluationKind::Linear(_) | EvaluationKind::Raw(_) => component("evaluate.linear", 1),
        EvaluationKind::Pinv(_) => component("evaluate.pinv", 2),
        EvaluationKind::Frechet(_) => component("evaluate.frechet", 1),
        EvaluationKind::FineTune(_) => component("evaluate.fine-tune", 1),
        EvaluationKind::Supervised(_) => component("evaluate.supervised", 1),
    };
    let mut components = vec![RANDOM, prepare(data), own];
    if !matches!(kind, EvaluationKind::Raw(_)) {
        components.push(network(of_network));
    }
    components.extend(kind.views().map(|views| match views {
        LightViews::PaddedCrop { .. } => component("views.padded-crop", 1),
        LightViews::ResizedCrop { .. } => component("views.resized-crop", 1),
    }));
    components
}
