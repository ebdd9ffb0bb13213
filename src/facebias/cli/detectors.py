"""`facebias detectors`: which detectors of whole pictures can be audited here."""

from __future__ import annotations

from facebias.cli.options import Answer, with_config


@with_config(as_json=True)
def detectors() -> Answer:
    """List the detectors of whole pictures: version, weights (SHA-256), input, licence, and whether each runs here.

    \b
    Example: facebias detectors
    """
    from facebias.detectors.pictures import overview

    table = overview()
    lines = [
        f"{row.name:<12}{'runs' if row.runs == 'yes' else row.runs}"
        + (f", {row.version}, weights {row.weights[:12]}, {row.input}; {row.licence}" if row.runs == "yes" else "")
        for row in table.itertuples()
    ]
    return Answer("\n".join(lines), {"detectors": table.to_dict("records")})
