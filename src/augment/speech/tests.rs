//! Views against the official chain as librosa computes it (`tests/fixtures/speech.py`), and their draws.

use safetensors::SafeTensors;

use super::*;
use crate::recipe::{DataIdentity, DataSet, DataSettings, Part};

fn fixture(name: &str) -> Vec<f32> {
    let bytes = include_bytes!("../../../tests/fixtures/speech.safetensors");
    let tensors = SafeTensors::deserialize(bytes).expect("a safetensors file");
    let data = tensors.tensor(name).expect("a tensor").data();
    data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// The clips of the fixture, and noise.
fn set() -> SpeechSet {
    let clips: Vec<Clip> = fixture("clips").chunks_exact(CLIP).map(|clip| Clip::Float(clip.into())).collect();
    let side = Clips { labels: vec![0; clips.len()], clips };
    SpeechSet {
        identity: DataIdentity { settings: DataSettings::of(DataSet::Fsdd, Part::Full), digest: String::new() },
        class_names: vec!["sound".to_owned()],
        train: side.clone(),
        test: side,
        background: fixture("clips"),
        published_rows: (4, 4),
    }
}

/// Of each view of the fixture: its clip and draw.
fn draws() -> Vec<(usize, Draw)> {
    let none = Change::default();
    let noise = |second, change, share| Some(Noise { second, change, share });
    let draws = [
        (0, Change { amplitude: Some(0.8), ..none }, None),
        (0, Change { duration: Some(1.15), ..none }, None),
        (0, Change { amplitude: Some(1.05), duration: Some(0.83), rate: Some(0.87), shift: Some(5) }, None),
        (3, Change { rate: Some(1.19), shift: Some(-6), ..none }, None),
        (2, Change { shift: Some(-8), ..none }, noise(3, none, 0.3)),
        (
            0,
            Change { rate: Some(0.81), shift: Some(8), ..none },
            noise(3, Change { rate: Some(1.1), duration: Some(1.2), amplitude: Some(0.7), ..none }, 0.45),
        ),
        (
            3,
            Change { rate: Some(1.2), shift: Some(3), ..none },
            noise(0, Change { rate: Some(0.8), shift: Some(-2), ..none }, 0.2),
        ),
    ];
    draws.map(|(clip, change, noise)| (clip, Draw { clip: change, noise })).to_vec()
}

#[test]
fn views_are_those_of_the_official_chain() {
    let front_end = FrontEnd::new();
    let mut workspace = Workspace::new(&front_end);
    let (set, mut picture, mut sound) = (set(), vec![0.0; PICTURE], vec![0.0; CLIP]);
    let (pictures, spectra, sounds) = (fixture("view_log_mel"), fixture("view_spectra"), fixture("view_sound"));
    let count = draws().len();
    for (at, (clip, draw)) in draws().into_iter().enumerate() {
        workspace.take(&front_end, &draw, |samples| set.train.clips[clip].read(samples), &set.background);
        let theirs = &spectra[at * spectra.len() / count..][..spectra.len() / count];
        let largest = theirs.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let ours = workspace.view.frames().flat_map(|frame| frame.iter().step_by(41));
        let farthest = ours.flat_map(|value| [value.re, value.im]).zip(theirs).map(|(a, b)| (a - b).abs());
        let farthest = farthest.fold(0.0, f32::max) / largest;
        // The phase of a faint bin is mostly rounding, and a vocoder carries it on to where the bin is loud.
        assert!(farthest < 5e-4, "spectrum of view {at}: {farthest}");

        front_end.log_mel(&workspace.view, &mut picture);
        let theirs = &pictures[at * PICTURE..][..PICTURE];
        let farthest = picture.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(farthest < 0.02, "picture of view {at}: {farthest} dB");

        front_end.stft().inverse(&workspace.view, &mut workspace.buffers, &mut sound);
        let theirs = &sounds[at * sounds.len() / count..][..sounds.len() / count];
        let ours = sound[2000..14000].iter().step_by(7);
        let farthest = ours.zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(farthest < 5e-4, "sound of view {at}: {farthest}");
    }
}

fn speech(probability: f64) -> Views {
    Views::Speech { probability }
}

#[test]
fn each_change_happens_with_its_probability_and_in_its_range() {
    let mut stream = Key::new(3, Purpose::Views).stream();
    const DRAWS: usize = 20_000;
    let draws: Vec<Draw> = (0..DRAWS).map(|_| Draw::random(0.5, 7, &mut stream)).collect();
    let noises: Vec<Noise> = draws.iter().filter_map(|draw| draw.noise).collect();
    let changes: Vec<Change> = draws.iter().map(|draw| draw.clip).chain(noises.iter().map(|it| it.change)).collect();
    // The standard deviation of a share of 20,000 draws is 0.0035.
    let share = |count: usize, of: usize| count as f64 / of as f64;
    assert!((share(noises.len(), DRAWS) - 0.5).abs() < 0.015);
    let values = |of: &dyn Fn(&Change) -> Option<f64>| -> Vec<f64> { changes.iter().filter_map(of).collect() };
    for (name, values, low, high) in [
        ("amplitude", values(&|it| it.amplitude.map(f64::from)), 0.7, 1.1),
        ("duration", values(&|it| it.duration), 0.8, 1.2),
        ("rate", values(&|it| it.rate), 0.8, 1.2),
        ("shift", values(&|it| it.shift.map(|frames| frames as f64)), -8.0, 8.0),
    ] {
        assert!((share(values.len(), changes.len()) - 0.5).abs() < 0.012, "{name}");
        let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(a, b), value| (a.min(*value), b.max(*value)));
        let edge = 0.01 * (high - low);
        assert!(least > low - 1e-6 && least < low + edge && most < high + 1e-6 && most > high - edge, "{name}");
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert!((mean - (low + high) / 2.0).abs() < 0.01 * (high - low), "{name}: {mean}");
    }
    for second in 0..7 {
        let count = noises.iter().filter(|noise| noise.second == second).count();
        assert!((share(count, noises.len()) - 1.0 / 7.0).abs() < 0.02, "second {second}");
    }
    let mean = noises.iter().map(|noise| noise.share).sum::<f32>() / noises.len() as f32;
    assert!((mean - NOISE / 2.0).abs() < 0.01 && noises.iter().all(|noise| (0.0..=NOISE).contains(&noise.share)));
}

#[test]
fn a_view_depends_on_clip_view_and_epoch_alone() {
    let set = set();
    let source = SpeechViews::new(&set, &speech(0.5), 7).unwrap();
    let view = |row: usize, view, epoch| {
        let mut out = vec![0.0; PICTURE];
        source.fill(row, view, epoch, &mut out).unwrap();
        out
    };
    let mut batch = vec![0.0; 3 * PICTURE];
    source.fill_rows(&[3, 0, 3], 1, 2, &mut batch).unwrap();
    assert_eq!(batch[..PICTURE], view(3, 1, 2));
    assert_eq!(batch[PICTURE..2 * PICTURE], view(0, 1, 2));
    assert_eq!(batch[2 * PICTURE..], view(3, 1, 2));
    assert_ne!(view(3, 1, 2), view(3, 0, 2));
    assert_ne!(view(3, 1, 2), view(3, 1, 3));
    let other = SpeechViews::new(&set, &speech(0.5), 8).unwrap();
    let mut out = vec![0.0; PICTURE];
    other.fill(3, 1, 2, &mut out).unwrap();
    assert_ne!(out, view(3, 1, 2));
}

#[test]
fn without_augmentation_both_views_are_the_clips_own_picture() {
    let set = set();
    let plain = log_mels(&set.train);
    for views in [Views::Identity, speech(0.0)] {
        let source = SpeechViews::new(&set, &views, 7).unwrap();
        let mut out = vec![0.0; 4 * PICTURE];
        for view in 0..2 {
            source.fill_rows(&[0, 1, 2, 3], view, 5, &mut out).unwrap();
            assert_eq!(out, plain);
        }
        assert_eq!(source.sound(3, 0, 0), fixture("clips")[3 * CLIP..]);
    }
    assert_eq!(SpeechViews::new(&set, &speech(0.5), 7).unwrap().shape(), [32, 32, 1]);
}

#[test]
fn silence_stays_a_picture_under_every_change() {
    let mut set = set();
    set.train = Clips { clips: vec![Clip::Pcm16(vec![0; CLIP].into()); 64], labels: vec![0; 64] };
    let source = SpeechViews::new(&set, &speech(0.5), 7).unwrap();
    let rows: Vec<u32> = (0..64).collect();
    let mut out = vec![f32::NAN; 64 * PICTURE];
    source.fill_rows(&rows, 0, 0, &mut out).unwrap();
    assert!(out.iter().all(|value| (-80.0..=0.0).contains(value)));
    let all_zero = out.chunks_exact(PICTURE).filter(|picture| picture.iter().all(|value| *value == 0.0)).count();
    assert!((16..48).contains(&all_zero), "half of them have noise: {all_zero}");
}

#[test]
fn short_recordings_and_sets_without_noise_have_views() {
    let mut set = set();
    set.background.clear();
    set.train = Clips { clips: vec![Clip::Float([0.5].into()), Clip::Pcm16([1, -1].into())], labels: vec![0; 2] };
    let source = SpeechViews::new(&set, &speech(1.0), 7).unwrap();
    let mut out = vec![f32::NAN; 2 * PICTURE];
    source.fill_rows(&[0, 1], 0, 0, &mut out).unwrap();
    assert!(out.iter().all(|value| value.is_finite()));
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let mut set = set();
    let refused = |set: &SpeechSet, views| SpeechViews::new(set, &views, 0).err();
    let domain = ViewsError::Domain { views: Domain::Tabular, set: Domain::Speech };
    assert_eq!(refused(&set, Views::Tabular { mask: 0.1 }), Some(domain));
    assert!(matches!(refused(&set, speech(1.5)), Some(ViewsError::Setting { setting: "probability", .. })));
    assert!(matches!(refused(&set, speech(f64::NAN)), Some(ViewsError::Setting { .. })));
    set.background.push(0.0);
    assert_eq!(refused(&set, speech(0.5)), Some(ViewsError::Background { samples: 64_001 }));
}
