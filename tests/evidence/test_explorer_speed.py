"""How the times of the explorer's sliders are told."""

from cptlaw_evidence.explorer_speed import explorer_speed_text


def test_times_are_told_with_what_is_wanted():
    each = {"median_ms": 70.4, "p95_ms": 149.0}
    result = {
        "steps": 60000,
        "domains": ["pt", "cpt", "ood.en"],
        "moves": 100,
        "wanted_ms": 150.0,
        "server_ms": 23.0,
        "sliders": {"peak": each},
        **each,
    }
    text = explorer_speed_text(result)
    assert "95th percentile: held" in text
    assert "23 ms" in text
    assert "not held" in explorer_speed_text({**result, "p95_ms": 151.0})
