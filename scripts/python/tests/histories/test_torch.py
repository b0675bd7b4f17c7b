"""Datasets for PyTorch; skipped without it."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader  # noqa: E402

from distillery.histories import WindowSampler  # noqa: E402
from distillery.histories.torch import WindowBatches, WindowDataset, tensors  # noqa: E402

from .made import made_run  # noqa: E402


@pytest.fixture
def sampler(tmp_path: Path) -> WindowSampler:
    made_run(tmp_path, 5)
    return WindowSampler(tmp_path, length=13, seed=2, masking_probability=0.3)


@pytest.mark.parametrize("workers", [0, 2])
def test_loaders_give_the_batches_in_their_order(workers: int, sampler: WindowSampler) -> None:
    options = {"num_workers": workers, "multiprocessing_context": "fork" if workers else None}
    one_by_one = list(DataLoader(WindowDataset(sampler, batch_size=6, steps=5, first_step=2), batch_size=6, **options))
    whole = list(DataLoader(WindowBatches(sampler, batch_size=6, steps=5, first_step=2), batch_size=None, **options))
    assert len(one_by_one) == len(whole) == 5
    for step, (first, second) in enumerate(zip(one_by_one, whole)):
        expected = tensors(sampler.batch(2 + step, 6))
        assert set(expected) == {"components", "previous_actions", "previous_rewards", "masked_actions",
                                 "masked_rewards", "actions", "taught"}  # fmt: skip
        for name, column in expected.items():
            assert torch.equal(first[name], column) and torch.equal(second[name], column), (step, name)


def test_a_window_by_its_number(sampler: WindowSampler) -> None:
    dataset = WindowDataset(sampler, batch_size=4, steps=3)
    assert len(dataset) == 12
    assert torch.equal(dataset[9]["actions"], tensors(sampler.batch(2, 4))["actions"][1])
    with pytest.raises(IndexError, match="window 12 of 12"):
        dataset[12]
    with pytest.raises(ValueError, match="batch_size from 1"):
        WindowBatches(sampler, batch_size=0, steps=1)
