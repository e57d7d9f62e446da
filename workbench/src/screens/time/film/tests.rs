//! A film by the name it is given: which form it takes, and that every frame is in it.

use super::*;
use crate::job::{JobEvent, perform};
use crate::model::states::Evidence;
use crate::model::time::Change;
use std::path::Path;
use std::sync::atomic::AtomicBool;

fn film(states: usize) -> Film {
    let frame = |at: usize| Frame {
        evidence: Evidence::Exact,
        lines: vec![
            (None, format!("state {at}")),
            (None, "├─●─┤".to_owned()),
            (None, "● exact".to_owned()),
            (Some(Change::Added), format!("+ key <{at}>")),
        ],
    };
    Film { frames: (0..states).map(frame).collect() }
}

/// What is saved in the end, and under which name.
fn saved(screen: &TimeScreen, film: Film) -> (String, String) {
    let mut effects = screen.filmed(Box::new(film));
    loop {
        match effects.remove(0) {
            Effect::Save(file, text) => return (file, text),
            Effect::Run(DRAWN, job) => {
                let stop = AtomicBool::new(false);
                let end = perform(job, Path::new("unread"), &stop, &mut |_| {});
                let JobEvent::Done(data) = end else { panic!("no end: {end:?}") };
                effects = TimeScreen::drawn(data);
            }
            other => panic!("neither saved nor drawn: {other:?}"),
        }
    }
}

#[test]
fn the_name_of_a_film_chooses_its_form() {
    let mut screen = TimeScreen::default();
    for name in ["film.gif", "", "cast"] {
        let out = screen.film(name);
        assert!(matches!(out.as_slice(), [Effect::Say(_)]), "{name}: {out:?}");
    }
    for name in ["a.cast", "b.svg"] {
        let out = screen.film(name);
        assert!(matches!(out.as_slice(), [Effect::Run(FILM, _)]), "{name}: {out:?}");
        let (file, text) = saved(&screen, film(3));
        assert_eq!(file, name);
        assert_eq!(text.starts_with("<svg"), name == "b.svg", "{name}: {text}");
        for at in 0..3 {
            assert!(text.contains(&format!("state {at}")), "{name}: state {at} in {text}");
        }
    }
}

#[test]
fn a_cast_is_a_head_and_an_event_a_state() {
    let cast = film(2).cast();
    let lines: Vec<serde_json::Value> =
        cast.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(lines[0]["width"], Film::COLUMNS);
    let times: Vec<f64> =
        lines[1..].iter().map(|event| event[0].as_f64().expect("a time")).collect();
    assert_eq!(times, [0.0, 1.2, 2.4], "two states, and the end of the last");
}

#[test]
fn a_moving_picture_shows_the_newest_of_many_states_and_says_so() {
    let mut screen = TimeScreen::default();
    screen.film("many.svg");
    let (_, svg) = saved(&screen, film(PICTURE_STATES_MAX + 2));
    assert_eq!(svg.matches("<g ").count(), PICTURE_STATES_MAX);
    assert!(!svg.contains("key &lt;1&gt;") && svg.contains("key &lt;2&gt;"));
    let drawn = Drawn { file: "f.svg".to_owned(), svg: String::new(), states: (300, 302) };
    let said = TimeScreen::drawn(Box::new(drawn));
    assert!(
        said.iter().any(|effect| matches!(effect, Effect::Say(text) if text.contains("newest"))),
        "{said:?}"
    );
}
