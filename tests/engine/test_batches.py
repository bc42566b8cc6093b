import torch

from cnnstudio.core.config import Config
from cnnstudio.engine.batches import batches_of_epoch, shuffled


def test_the_order_of_an_epoch_is_decided_by_seed_and_epoch() -> None:
    images = torch.arange(100, 117)
    config = Config().replace("data.batch_size", 8).replace("train.seed", 3)
    batches = batches_of_epoch(images, config, epoch=2)
    assert [len(batch) for batch in batches] == [8, 8]  # the last one would be alone
    assert torch.equal(torch.cat(batches), shuffled(images, seed=3, epoch=2)[:16])
    assert sorted(shuffled(images, seed=3, epoch=2).tolist()) == images.tolist()
    assert not torch.equal(shuffled(images, seed=3, epoch=2), shuffled(images, seed=3, epoch=3))
    assert not torch.equal(shuffled(images, seed=3, epoch=2), shuffled(images, seed=4, epoch=2))
