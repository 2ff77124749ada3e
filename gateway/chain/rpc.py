"""JSON-RPC over one kept HTTP connection."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec

from gateway.chain import errors
from gateway.core import tls

Call = tuple[str, Sequence[Any]]

#: Requests in one HTTP body; nodes refuse long batches.
MAX_BATCH = 50


class Rpc:
    """Talks to one node. Safe for several threads. `url` may hold an access key and is never logged."""

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        """`timeout` in seconds, for connecting and for each answer."""
        self._client = httpx.Client(timeout=timeout, verify=tls.context())
        self._url = url
        #: Whether the last answer did not come in time, and who alone asks then.
        self._hangs, self._asking = False, threading.Lock()

    def call(self, method: str, *params: Any) -> Any:
        """One request's result; raises a ChainError."""
        answer = self._post({"jsonrpc": "2.0", "id": 0, "method": method, "params": params})
        result = _result(answer)
        if isinstance(result, errors.ChainError):
            raise result
        return result

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """The results of several requests in their order; where one failed its ChainError stands in its place. Raises a
        ChainError when nothing could be asked."""
        results: list[Any] = []
        for start in range(0, len(calls), MAX_BATCH):
            results += self._batch(calls[start : start + MAX_BATCH])
        return results

    def strict_batch(self, calls: Sequence[Call]) -> list[Any]:
        """As `batch`, but raises the first error."""
        results = self.batch(calls)
        for result in results:
            if isinstance(result, errors.ChainError):
                raise result
        return results

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def _batch(self, calls: Sequence[Call]) -> list[Any]:
        body = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            for number, (method, params) in enumerate(calls)
        ]
        answers = self._post(body)
        if not isinstance(answers, list):  # the node refuses the batch as a whole
            error = _result(answers)
            raise error if isinstance(error, errors.ChainError) else errors.UnknownAnswer()
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        return [_result(by_id.get(number)) for number in range(len(calls))]

    def _post(self, body: Any) -> Any:
        """While the node hangs, one waits for it, and the others are told at once: else all threads of a gateway wait
        for it, and tills who do not need it wait for a thread."""
        if not self._hangs:
            return self._ask(body)
        if not self._asking.acquire(blocking=False):
            raise errors.NodeTimeout
        try:
            return self._ask(body)
        finally:
            self._asking.release()

    def _ask(self, body: Any) -> Any:
        try:
            response = self._client.post(
                self._url, content=msgspec.json.encode(body), headers={"Content-Type": "application/json"}
            )
            self._hangs = False
        except httpx.TimeoutException:
            self._hangs = True
            raise errors.NodeTimeout from None
        except (httpx.HTTPError, httpx.InvalidURL):
            self._hangs = False
            raise errors.NodeDown from None
        if response.status_code == 429:
            raise errors.RateLimited
        if response.status_code == 413:
            raise errors.RangeTooLarge
        try:
            answer = msgspec.json.decode(response.content)
        except msgspec.DecodeError:
            answer = None
        if not _is_rpc(answer):
            raise errors.NodeDown if response.is_server_error else errors.NotANode
        return answer


def _is_rpc(answer: Any) -> bool:
    """Whether it is JSON-RPC, or nearly. A document of something else has no `result` either, and taken for one would
    say `null`: no such transaction, no such block."""
    if isinstance(answer, list):
        return not answer or any(isinstance(each, dict) and _is_rpc(each) for each in answer)
    if not isinstance(answer, dict):
        return False
    return "jsonrpc" in answer or "result" in answer or isinstance(answer.get("error"), dict)


def _result(answer: Any) -> Any:
    if not isinstance(answer, dict):
        return errors.UnknownAnswer()
    if answer.get("error") is not None:
        return errors.from_answer(answer["error"])
    return answer.get("result")
