//! A drawing for a page: lanes of bars and marks over the same time, in SVG.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

/// The width of a timeline, its names excluded, in the units of the drawing.
const WIDTH: f64 = 900.0;

/// Room for the names.
const NAMES: f64 = 170.0;

/// The height of one lane.
const LANE: f64 = 22.0;

/// A bar that is as wide has room for a word.
const ROOM_FOR_A_WORD: f64 = 45.0;

/// A letter of a bar's word is about so wide.
const LETTER: f64 = 6.0;

/// Half the width of a time of day.
const HALF_A_TIME: f64 = 14.0;

/// What is longer is told with days.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// Its left edge.
    pub from: Timestamp,
    /// Its right edge.
    pub until: Timestamp,
    /// From top to bottom.
    pub lanes: Vec<Lane>,
}

/// A lane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lane {
    /// What stands before it.
    pub name: String,
    /// What lasts.
    pub bars: Vec<Bar>,
    /// What happens.
    pub marks: Vec<Mark>,
}

/// Something that lasts.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// From when on.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The page's class for how it is painted; `stage` has its words on it where they fit.
    pub paint: &'static str,
    /// What it is.
    pub what: String,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// The page's class for how it is painted.
    pub paint: &'static str,
    /// What it is.
    pub what: String,
}

impl Timeline {
    fn x(&self, at: Timestamp) -> f64 {
        let whole = self.until.duration_since(self.from).as_secs_f64().max(1.0);
        let part = at.duration_since(self.from).as_secs_f64();
        NAMES + (part / whole).clamp(0.0, 1.0) * WIDTH
    }

    fn stamp(&self, at: Timestamp) -> String {
        let is_short = self.until.duration_since(self.from) < DAY;
        at.strftime(if is_short { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
    }

    /// Adds the drawing to a page. Writing to a String cannot fail.
    pub fn draw(&self, page: &mut String) {
        let lanes = u32::try_from(self.lanes.len()).unwrap_or(u32::MAX);
        let height = f64::from(lanes.saturating_add(1)) * LANE;
        let _ = write!(page, "<svg viewBox=\"0 0 {} {height}\" role=\"img\">", NAMES + WIDTH);
        self.draw_clock(page, height);
        let mut y = LANE;
        for lane in &self.lanes {
            let _ = write!(page, "<text x=\"0\" y=\"{}\">{}</text>", y + 15.0, escaped(&lane.name));
            for bar in &lane.bars {
                self.draw_bar(page, bar, y);
            }
            for Mark { at, paint, what } in &lane.marks {
                let (x, what) = (self.x(*at), escaped(what));
                let _ = write!(
                    page,
                    "<line class=\"{paint}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{y}\" y2=\"{}\">\
                     <title>{}: {what}</title></line>",
                    y + LANE,
                    self.stamp(*at),
                );
            }
            y += LANE;
        }
        page.push_str("</svg>\n");
    }

    fn draw_bar(&self, page: &mut String, bar: &Bar, y: f64) {
        let Bar { from, until, paint, what } = bar;
        let (x, end) = (self.x(*from), self.x(*until));
        let (width, told) = ((end - x).max(1.0), escaped(what));
        let _ = write!(
            page,
            "<rect class=\"{paint}\" x=\"{x:.1}\" y=\"{}\" width=\"{width:.1}\" \
             height=\"{}\"><title>{}: {told}</title></rect>",
            y + 3.0,
            LANE - 6.0,
            self.stamp(*from),
        );
        let letters = u32::try_from(what.chars().count()).unwrap_or(u32::MAX);
        if *paint == "stage" && width > (f64::from(letters) * LETTER).max(ROOM_FOR_A_WORD) {
            let _ = write!(page, "<text x=\"{:.1}\" y=\"{}\">{told}</text>", x + 4.0, y + 15.0);
        }
    }

    /// A line every so often, so that there are some ten.
    fn draw_clock(&self, page: &mut String, height: f64) {
        const STEPS: [i64; 11] = [1, 2, 5, 10, 15, 30, 60, 180, 720, 1440, 4320];
        let minutes = self.until.duration_since(self.from).as_mins();
        let step = STEPS.into_iter().find(|step| minutes / step <= 10).unwrap_or(10_080) * 60;
        let form = if step < 86_400 { "%H:%M" } else { "%m-%d" };
        let mut at = self.from.as_second() / step * step + step;
        while at < self.until.as_second() {
            let Ok(time) = Timestamp::from_second(at) else { return };
            let x = self.x(time);
            let _ = write!(
                page,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"16\" y2=\"{height}\"/>",
            );
            // What would reach over the edge is left out.
            if x + HALF_A_TIME <= NAMES + WIDTH {
                let (x, told) = (x - HALF_A_TIME, time.strftime(form));
                let _ = write!(page, "<text x=\"{x:.1}\" y=\"12\">{told}</text>");
            }
            at += step;
        }
    }
}

/// Text that may stand in a page.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_lies_where_it_happened_and_says_what_it_is() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let bar = |until, what: &str| {
            let (paint, what) = ("stage", what.to_owned());
            Bar { from: at(0), until: at(until), paint, what }
        };
        let bars = vec![bar(50, "a <b>"), bar(2, "too narrow for its words")];
        let marks = vec![Mark { at: at(100), paint: "act", what: "reboot".to_owned() }];
        let lane = Lane { name: "web & co".to_owned(), bars, marks };
        let mut page = String::new();
        Timeline { from: at(0), until: at(100), lanes: vec![lane] }.draw(&mut page);
        for part in [
            "<text x=\"0\" y=\"37\">web &amp; co</text>",
            "x=\"170.0\" y=\"25\" width=\"450.0\" height=\"16\"><title>00:00:00: a &lt;b&gt;<",
            "<text x=\"174.0\" y=\"37\">a &lt;b&gt;</text>",
            "<line class=\"act\" x1=\"1070.0\" x2=\"1070.0\" y1=\"22\" y2=\"44\">",
            "<title>01:40:00: reboot</title>",
            ">00:10</text>",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
        assert_eq!(page.matches("too narrow").count(), 1, "it is a title and no text");
    }
}
