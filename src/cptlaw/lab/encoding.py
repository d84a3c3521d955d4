"""Documents to tokens, in this process or in others: the same tokens, however many there are."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

import numpy as np

from cptlaw.arrays import IntArray
from cptlaw.errors import DataError
from cptlaw.lab.document import Document
from cptlaw.lab.duplicates import Sought

_MOST = 16  # processes: one reads for all of them
_ALONE = 4  # chunks that are made before other processes are worth their start


@dataclass(frozen=True)
class Encoder:
    """A tokenizer that other processes can be given.

    Args:
        folder: of the tokenizer, as AutoTokenizer reads it.
        description: of a fast tokenizer, as the package tokenizers writes it; None for a slow one.
        end: the number of its end mark, None without one.
        kind: of the numbers, "uint16" or "uint32".
        split: whether special tokens in the text are text like any other.
    """

    folder: str
    description: str | None
    end: int | None
    kind: str
    split: bool

    @classmethod
    def of(cls, tokenizer: Any, folder: str) -> Encoder:
        """The encoder of a tokenizer of transformers."""
        description = tokenizer.backend_tokenizer.to_str() if tokenizer.is_fast else None
        kind = "uint16" if len(tokenizer) <= 1 << 16 else "uint32"
        split = bool(getattr(tokenizer, "split_special_tokens", False))
        return cls(folder, description, tokenizer.eos_token_id, kind, split)

    def __getstate__(self) -> dict[str, Any]:
        """Without the tokenizer itself, which each process makes of its description."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def encode(self, documents: Sequence[Document]) -> list[list[int]]:
        """Token numbers of each document, an end mark behind it."""
        tail = [] if self.end is None else [self.end]
        return [[*ids, *tail] for ids in self._ids([d.text for d in documents])]

    def _ids(self, given: list[str]) -> list[list[int]]:
        if self.description is not None:
            made = self._tokenizer.encode_batch_fast(given, add_special_tokens=False)
            return [encoding.ids for encoding in made]
        return self._tokenizer(given, add_special_tokens=False, verbose=False)["input_ids"]

    @cached_property
    def _tokenizer(self) -> Any:
        if self.description is None:
            from transformers import AutoTokenizer

            return AutoTokenizer.from_pretrained(self.folder, trust_remote_code=False)
        from tokenizers import Tokenizer

        made = Tokenizer.from_str(self.description)
        made.no_truncation()
        made.no_padding()
        made.encode_special_tokens = self.split
        return made


@dataclass(frozen=True)
class Chunk:
    """Some documents, one after another.

    Args:
        documents: at least one.
        notes: what had been noted of the text when they were read.
    """

    documents: tuple[Document, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Encoded:
    """The tokens of some documents, and what they have of the validation text.

    Args:
        ids: of all documents, one after another.
        ends: shape (documents,): where each one's tokens end.
        seen: the validation's runs of words that stand in them, by number.
    """

    ids: Any
    ends: IntArray
    seen: IntArray


def encoded(encoder: Encoder, sought: Sought, documents: Sequence[Document]) -> Encoded:
    """The tokens of documents, and what they hold of the validation text."""
    parts = encoder.encode(documents)
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    ids = np.fromiter((i for part in parts for i in part), encoder.kind, int(ends[-1]))
    return Encoded(ids, ends, sought.seen_in(documents))


def cores() -> int:
    """CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(
    chunks: Iterable[Chunk], encoder: Encoder, sought: Sought, workers: int | None
) -> Iterator[tuple[Chunk, Encoded]]:
    """Each chunk of documents with its tokens, in the order of the chunks.

    The first few are made here: for little text, other processes would start in vain.

    Args:
        chunks: of documents; read on only as far as there is work to give out.
        encoder: the tokenizer.
        sought: the validation text.
        workers: processes; None is one for each core, 1 is this process alone.

    Raises:
        DataError: a process was killed.
    """
    count = min(cores() if workers is None else workers, _MOST)
    given = iter(chunks)
    for number, chunk in enumerate(given, start=1):
        yield chunk, encoded(encoder, sought, chunk.documents)
        if number == _ALONE and count > 1:
            break
    else:
        return
    with _pool(count, encoder, sought) as submit:
        waiting: deque[tuple[Chunk, Future[Encoded]]] = deque()
        for chunk in given:
            waiting.append((chunk, submit(chunk)))
            if len(waiting) > 2 * count:
                first, made = waiting.popleft()
                yield first, made.result()
        for first, made in waiting:
            yield first, made.result()


@contextmanager
def _pool(
    count: int, encoder: Encoder, sought: Sought
) -> Iterator[Callable[[Chunk], Future[Encoded]]]:
    """Processes of their own, without what this one has loaded; they end with it.

    Each is asked by a thread over a pipe of its own, so that one that is killed leaves no lock.
    """
    context = multiprocessing.get_context("spawn")
    idle: SimpleQueue[Connection] = SimpleQueue()
    processes: list[tuple[Any, Connection]] = []
    for _ in range(count):
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, encoder, sought), daemon=True)
        process.start()
        theirs.close()
        processes.append((process, ours))
        idle.put(ours)
    threads = ThreadPoolExecutor(count)
    try:
        yield lambda chunk: threads.submit(_asked, idle, chunk)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for process, _ in processes:
            process.terminate()
        threads.shutdown()
        for process, connection in processes:
            process.join()
            process.close()
            connection.close()


def _asked(idle: SimpleQueue[Connection], chunk: Chunk) -> Encoded:
    """The tokens of a chunk, by a process that has nothing to do."""
    connection = idle.get()
    try:
        connection.send(chunk.documents)
        found = connection.recv()
    except (EOFError, OSError):
        raise DataError(
            "a process that makes tokens was killed, perhaps for want of memory. Begin again with "
            "fewer of them (cptlaw lab prepare --workers); what was made is kept."
        ) from None
    finally:
        idle.put(connection)
    if isinstance(found, Exception):
        raise found
    return found


def _work(connection: Connection, encoder: Encoder, sought: Sought) -> None:
    """What a process does until its pipe ends; Ctrl-C is for the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    while True:
        try:
            documents = connection.recv()
        except (EOFError, OSError):
            return
        try:
            found: Encoded | Exception = encoded(encoder, sought, documents)
        except Exception as error:
            found = error
        try:
            connection.send(found)
        except OSError:
            return
