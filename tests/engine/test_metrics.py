import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss
from torch.nn import functional

from cnnstudio.engine.metrics import Averages, Running


def test_means_over_uneven_batches_agree_with_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(50, 4, generator=generator) * 2
    labels = torch.randint(0, 4, (50,), generator=generator)
    running = Running(torch.device("cpu"))
    for batch in (slice(0, 16), slice(16, 32), slice(32, 50)):
        running.add(functional.cross_entropy(logits[batch], labels[batch]), logits[batch], labels[batch])
    means = running.read()

    probabilities = logits.double().softmax(1).numpy()
    assert means.images == 50
    assert means.loss == pytest.approx(log_loss(labels.numpy(), probabilities, labels=[0, 1, 2, 3]), rel=1e-6)
    assert means.accuracy == pytest.approx(accuracy_score(labels.numpy(), logits.argmax(1).numpy()))


def test_two_sums_get_the_same() -> None:
    whole, recent = (Running(torch.device("cpu"), {"aux1"}) for _ in range(2))
    logits, labels = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1])
    for loss in (1.0, 4.0):
        whole.add(torch.tensor(loss), logits, labels, {"aux1": torch.tensor(2 * loss)}, also=recent)
        assert recent.take() == Averages(loss, 0.5, 2, {"aux1": 2 * loss})
    assert whole.read() == Averages(2.5, 0.5, 4, {"aux1": 5.0})


def test_taking_starts_anew_and_nothing_is_not_a_division_by_zero() -> None:
    running = Running(torch.device("cpu"))
    running.add(torch.tensor(2.0), torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    assert running.take().accuracy == 1.0
    assert running.read().images == 0
    assert running.read().loss == 0.0


def test_losses_of_auxiliary_heads_are_averaged_by_name() -> None:
    running = Running(torch.device("cpu"), {"aux2", "aux1"})
    logits = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    for count, first, second in ((3, 1.0, 4.0), (1, 3.0, 0.0)):
        aux = {"aux1": torch.tensor(first), "aux2": torch.tensor(second)}
        running.add(torch.tensor(2.0), logits[:count], torch.zeros(count, dtype=torch.int64), aux)
    means = running.take()
    assert (means.loss, means.accuracy, means.images) == (2.0, 1.0, 4)
    assert means.aux == {"aux1": 1.5, "aux2": 3.0}
    assert running.read().aux == {"aux1": 0.0, "aux2": 0.0}


def test_answers_are_counted_by_class_where_that_is_wanted() -> None:
    running = Running(torch.device("cpu"), classes=3)
    for logits in (torch.tensor([[1.0, 0.0, 2.0], [3.0, 0.0, 2.0]]), torch.tensor([[0.0, 0.0, 5.0]])):
        running.add(torch.tensor(1.0), logits, torch.zeros(len(logits), dtype=torch.int64))
    assert running.read().predicted == (1, 0, 2)
    assert running.take().accuracy == pytest.approx(1 / 3)
    assert running.read().predicted == (0, 0, 0)
    assert Running(torch.device("cpu")).read().predicted == ()
