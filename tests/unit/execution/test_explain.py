from engine.execution import events


def test_the_message_and_the_end_of_stderr_are_told() -> None:
    said = events.explain(
        {"msg": "non-zero return code", "stderr": "\n".join(f"line {n}" for n in range(50))}
    )
    assert said.startswith("non-zero return code\n")
    assert said.endswith("line 49")
    assert "line 10" not in said


def test_a_loop_tells_its_failing_items() -> None:
    result = {
        "msg": "One or more items failed",
        "results": [
            {"item": "a", "failed": False, "msg": "fine"},
            {"item": "b", "failed": True, "msg": "no space"},
            {"item": "c", "failed": True, "censored": "hidden"},
        ],
    }
    assert events.explain(result) == f"b: no space; {events.HIDDEN}"


def test_lists_of_problems_are_told_line_by_line() -> None:
    assert (
        events.explain({"msg": ["a: too small", "b: no swap, please"]}) == "a: too small\nb: no swap, please"
    )


def test_silence_is_called_silence() -> None:
    assert "without saying why" in events.explain({})
