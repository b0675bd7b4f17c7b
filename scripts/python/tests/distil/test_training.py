"""Steps of the trainer against the golden vectors that the Swift trainer is held to."""

import pytest
import torch

from distillery.checkpoints import OptimizerState, tensors_of
from distillery.models import Attention, FusedAttention, Transformer
from distillery.schedule import learning_rate
from distillery.training import Trainer, TrainingError, loss_sums

from .golden import NAMES, Golden

ATTENTIONS = [Attention, FusedAttention]


CASES = [
    pytest.param(name, attention, id=f"{name}-{attention.__name__}" if attention else name)
    for name in NAMES for attention in (ATTENTIONS if name.startswith("transformer") else [None])]


def start(golden, attention=None, **changes):
    model = golden.model(**({"attention": attention} if attention else {}))
    zeros = {name: torch.zeros_like(value) for name, value in tensors_of(model).items()}
    state = OptimizerState(zeros, {name: value.clone() for name, value in zeros.items()}, 0, 0.0)
    return Trainer(model, golden.training(**changes), state)


@pytest.mark.parametrize("name, attention", CASES)
def test_one_step_has_the_golden_loss_and_gradients(name, attention):
    golden = Golden(name)
    # Without clipping the optimiser's first moment is the gradient, which is what the step has used.
    trainer = start(golden, attention, gradient_clip=1e12, beta1=0.0)
    batch = golden.batch()
    report = trainer.step(batch, 0.0, batch.taught_count).report()
    assert report.objective == pytest.approx(golden.values["losses"][0], abs=1e-5)
    found = trainer.state(0.0).first
    assert found.keys() == golden.gradients.keys()
    for tensor, expected in golden.gradients.items():
        torch.testing.assert_close(found[tensor], expected, atol=1e-5, rtol=1e-5, msg=lambda text, t=tensor: f"{t}: {text}")
    norm = sum(value.double().square().sum() for value in golden.gradients.values()).sqrt()
    assert report.gradient_norm == pytest.approx(float(norm), rel=1e-5)


@pytest.mark.parametrize("name, attention", CASES)
def test_every_step_of_adam_with_clipping_has_the_golden_loss(name, attention):
    golden = Golden(name)
    trainer, batch = start(golden, attention), golden.batch()
    for step, expected in enumerate(golden.values["losses"]):
        report = trainer.step(batch, golden.values["rate"], batch.taught_count).report()
        assert report.step == step + 1
        assert report.objective == pytest.approx(expected, abs=1e-4), f"step {step}"


@pytest.mark.parametrize("name", [name for name in NAMES if "images" not in name])
def test_logits_are_golden_in_evaluation(name):
    golden, model = Golden(name), Golden(name).model().eval()
    batch = golden.batch()
    logits = model(batch.observations, batch.actions, batch.rewards, batch.masked)
    torch.testing.assert_close(logits.flatten(), torch.tensor(golden.values["logits"]), atol=1e-5, rtol=0)


def test_the_loss_is_pytorchs_own():
    torch.manual_seed(3)
    logits, actions, taught = torch.randn(4, 5, 6), torch.randint(0, 6, (4, 5)), torch.rand(4, 5) < 0.5
    objective, nats = loss_sums(logits, actions, taught, 0.2)
    own = torch.nn.functional.cross_entropy
    expected = own(logits[taught].double(), actions[taught], label_smoothing=0.2, reduction="sum")
    assert float(objective) == pytest.approx(float(expected), abs=1e-5)
    assert float(nats) == pytest.approx(float(own(logits[taught].double(), actions[taught], reduction="sum")), abs=1e-5)


def test_dropout_of_a_step_depends_on_the_step_alone():
    settings = Golden("transformer-merged").values["settings"] | {
        "embedding_dropout": 0.2, "attention_dropout": 0.3, "residual_dropout": 0.1}

    def losses(first):
        golden = Golden("transformer-merged")
        golden.values["settings"] = settings
        trainer, batch, found = start(golden), golden.batch(), []
        trainer.steps = first
        for _ in range(3 - first):
            # What was drawn before changes nothing.
            torch.rand(7 + first)
            found.append(trainer.step(batch, 0.0, batch.taught_count).report().objective)
        return found

    whole = losses(0)
    assert len(set(whole)) == 3, "each step drops others"
    assert losses(1) == whole[1:]


def test_a_loss_that_is_no_number_ends_training_with_advice():
    golden = Golden("transformer-merged")
    trainer, batch = start(golden), golden.batch()
    with torch.no_grad():
        trainer.model.head.bias[0] = float("nan")
    with pytest.raises(TrainingError, match="diverged at step 1: .*lower the peak learning rate"):
        trainer.step(batch, 1e-3, batch.taught_count).report()


def test_bfloat16_comes_near():
    golden = Golden("transformer-wide")
    model, batch = golden.model(attention=FusedAttention), golden.batch()
    assert isinstance(model, Transformer)
    zeros = {name: torch.zeros_like(value) for name, value in tensors_of(model).items()}
    state = OptimizerState(zeros, {name: value.clone() for name, value in zeros.items()}, 0, 0.0)
    trainer = Trainer(model, golden.training(), state, precision="bfloat16")
    report = trainer.step(batch, 1e-3, batch.taught_count).report()
    assert report.objective == pytest.approx(golden.values["losses"][0], abs=0.05)
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


@pytest.mark.parametrize(
    "step, share, expected", [(0, 0, 0.0), (5, 0, 0.5), (10, 0, 1.0), (60, 0, 0.5), (110, 0, 0.0), (200, 0, 0.0),
                              (10, 0.5, 0.5), (5, 1.0, 0.0), (5, 0.1, 0.5)])
def test_the_schedule_is_that_of_the_program(step, share, expected):
    training = {
        "start_learning_rate": 0.0, "peak_learning_rate": 1.0, "final_learning_rate": 0.0, "warmup_steps": 10, "steps": 110}
    assert learning_rate(training, step, share) == pytest.approx(expected, abs=1e-12)


def test_states_are_not_taught_here():
    with pytest.raises(TrainingError, match="state_weight is 2, which PyTorch's engine does not have"):
        start(Golden("transformer-merged"), state_weight=2)
