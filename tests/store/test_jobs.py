"""Jobs: taken once, followed, cancelled, and never lost with the process that worked on them."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from netsift.errors import InputError, UsageError
from netsift.store.jobs import Job, JobState
from netsift.store.opening import Store
from tests.store.conftest import Ticking


def test_a_job_goes_its_way(store: Store) -> None:
    added = store.jobs.add("detect", "<b>capture</b>.pcap", {"path": "/x"}, owner="ada")
    assert (added.state, added.arguments, added.progress) == (JobState.QUEUED, {"path": "/x"}, 0.0)
    taken = store.jobs.take()
    assert taken is not None
    assert (taken.id, taken.state) == (added.id, JobState.RUNNING)
    assert store.jobs.take() is None
    assert store.jobs.touch(added.id, 0.5, "reading packets")
    halfway = store.jobs.get(added.id)
    assert halfway is not None
    assert (halfway.progress, halfway.stage) == (0.5, "reading packets")
    assert store.jobs.touch(added.id)
    assert store.jobs.finish(added.id, {"alerts": 3})
    done = store.jobs.get(added.id)
    assert done is not None
    assert (done.state, done.result, done.progress) == (JobState.DONE, {"alerts": 3}, 1.0)
    assert done.state.final
    assert taken.started is not None
    assert done.finished is not None
    assert added.created < taken.started < done.finished
    assert not store.jobs.touch(added.id, 0.1)
    assert not store.jobs.fail(added.id, "too late")
    assert store.jobs.cancel(added.id).state is JobState.DONE


def test_jobs_are_taken_in_order_and_each_once(store: Store) -> None:
    added = [store.jobs.add("detect", str(number)).id for number in range(12)]
    taken: list[str] = []

    def work() -> None:
        while (job := store.jobs.take()) is not None:
            taken.append(job.id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(added)
    one = store.jobs.add("detect", "wanted")
    store.jobs.add("detect", "other")
    job = store.jobs.take(one.id)
    assert job is not None
    assert job.id == one.id
    assert store.jobs.take(one.id) is None


def test_a_failed_job_says_why(store: Store) -> None:
    job = running(store)
    assert store.jobs.fail(job.id, "capture.pcap: is no capture\0" + "x" * 5_000)
    failed = store.jobs.get(job.id)
    assert failed is not None
    assert failed.state is JobState.FAILED
    assert failed.error.startswith("capture.pcap: is no capturex")
    assert len(failed.error) == 2_000
    assert failed.result is None


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_is_asked(store: Store) -> None:
    queued = store.jobs.add("detect", "queued")
    assert store.jobs.cancel(queued.id).state is JobState.CANCELLED
    assert store.jobs.take() is None
    job = running(store)
    asked = store.jobs.cancel(job.id)
    assert (asked.state, asked.cancel_asked) == (JobState.RUNNING, True)
    assert not store.jobs.touch(job.id, 0.9)
    assert store.jobs.stopped(job.id)
    stopped = store.jobs.get(job.id)
    assert stopped is not None
    assert stopped.state is JobState.CANCELLED
    with pytest.raises(InputError, match="there is no job 'nothing'"):
        store.jobs.cancel("nothing")


def test_a_job_whose_process_died_is_buried(store: Store, clock: Ticking) -> None:
    silent, lively = running(store), running(store)
    waiting = store.jobs.add("detect", "waiting")
    clock.skip(timedelta(minutes=5))
    store.jobs.touch(lively.id)
    assert store.jobs.bury(timedelta(minutes=1), "it was killed") == [silent.id]
    states = {job.id: (job.state, job.error) for job in store.jobs.find().rows}
    assert states == {
        silent.id: (JobState.FAILED, "it was killed"),
        lively.id: (JobState.RUNNING, ""),
        waiting.id: (JobState.QUEUED, ""),
    }


def test_jobs_are_found_the_latest_first_and_forgotten_by_age(store: Store, clock: Ticking) -> None:
    jobs = [store.jobs.add("detect" if number % 2 else "train", str(number)) for number in range(9)]
    first = store.jobs.find(limit=5)
    second = store.jobs.find(limit=5, cursor=first.cursor)
    assert [job.title for job in (*first.rows, *second.rows)] == [str(number) for number in range(8, -1, -1)]
    assert len(store.jobs.find(kind="train").rows) == 5
    store.jobs.cancel(jobs[0].id)
    assert [job.title for job in store.jobs.find(states=(JobState.CANCELLED,)).rows] == ["0"]
    clock.skip(timedelta(days=8))
    assert store.jobs.forget(clock() - timedelta(days=7)) == [jobs[0].id]
    assert store.jobs.get(jobs[0].id) is None
    assert len(store.jobs.find().rows) == 8


def test_what_is_too_large_is_refused(store: Store) -> None:
    with pytest.raises(UsageError, match="at most 1,048,576 characters"):
        store.jobs.add("detect", "x", {"names": ["y" * 1_100_000]})
    job = running(store)
    with pytest.raises(UsageError, match="at most"):
        store.jobs.finish(job.id, {"names": ["y" * 1_100_000]})


def running(store: Store) -> Job:
    """Return a job that is running."""
    job = store.jobs.take(store.jobs.add("detect", "capture").id)
    assert job is not None
    return job
