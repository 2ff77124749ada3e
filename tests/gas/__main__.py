"""Measure ours and what others would use, and write tests/gas/figures.json, docs/gas.md and docs/gas.svg."""

from tests.gas import figures, floor, others, ours, report
from tests.gas.bench import bench


def main() -> None:
    with bench() as chain:
        mine, theirs = ours.measure(chain), others.measure(chain)
    figures.save(ours=mine, others=theirs, floor=floor.figures())
    everything = figures.load()
    (figures.DOCS / "gas.md").write_text(report.page(everything))
    (figures.DOCS / "gas.svg").write_text(report.plot(everything))
    for mark in report.MARKS:
        ratio = mark.ratio(everything)
        print(f"{'met' if ratio <= mark.most else 'NOT MET':8} {ratio:.3f} of {mark.most:.2f}  {mark.ours}")


if __name__ == "__main__":
    main()
