//! Numbers and tables as people read them.

pub use crate::runner::{count, duration};

/// Aligned columns, the first to the left and the others to the right, two spaces between. The first row is the head.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<String>>().join("\n")
}

/// Three significant digits and a prefix: `1.25 T`. Put the unit after it.
pub fn prefixed(value: f64) -> String {
    const PREFIXES: [(f64, &str); 6] = [(1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    // What rounds up to the next prefix gets it.
    let Some((size, prefix)) = PREFIXES.iter().find(|(size, _)| value >= size * 0.9995) else {
        return format!("{value:.0} ");
    };
    let scaled = value / size;
    let digits = if scaled < 9.995 { 2 } else { usize::from(scaled < 99.95) };
    format!("{scaled:.digits$} {prefix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(prefixed(1.25e12), "1.25 T");
        assert_eq!(prefixed(3e9), "3.00 G");
        assert_eq!(prefixed(12.0), "12 ");
        assert_eq!(prefixed(999_999.0), "1.00 M");
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [["cell", "n"], ["a", "12"], ["longer", "3"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "cell     n\na       12\nlonger   3");
    }
}
