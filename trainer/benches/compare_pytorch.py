#!/usr/bin/env python3
"""Training steps of the Transformer on the CPU, ours beside PyTorch eager: same sizes, batch and threads, turn by turn.

    python3 -m venv venv && venv/bin/pip install torch numpy
    cargo bench -p tickerbox-trainer --bench steps --no-run
    venv/bin/python benches/compare_pytorch.py [--threads 1] [--batch 128] [--steps 10] [--turns 3] [--ours COMMAND]

Both take windows of 60 rows and 16 features through four pre-norm blocks (width 128, 4 heads, feed-forward 512, GELU, no dropout) into
heads for three horizons, take the losses of all heads, clip the gradients and step AdamW. PyTorch uses its own
`TransformerEncoderLayer`, whose attention is fused, and AdamW as it comes. Each turn is a process of its own; prints one JSON object with the
medians of steps per second, per second of processor time (which a busy machine does not change) and of the largest resident memory, and the ratios.
"""

import argparse
import json
import pathlib
import resource
import shlex
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
WINDOW, FEATURES, WIDTH, HEADS, LAYERS, HIDDEN = 60, 16, 128, 4, 4, 512
LEVELS = [0.05, 0.25, 0.5, 0.75, 0.95]
HORIZONS, WARM_UP = 3, 2


def pytorch(threads: int, batch: int, steps: int) -> dict:
    """Steps per second, peak memory and the last loss of the same fit in PyTorch."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.manual_seed(7)
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    levels = torch.tensor(LEVELS)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.input = nn.Linear(FEATURES, WIDTH)
            self.position = nn.Parameter(torch.empty(WINDOW, WIDTH).uniform_(-0.05, 0.05))
            block = dict(dim_feedforward=HIDDEN, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
            self.blocks = nn.ModuleList(nn.TransformerEncoderLayer(WIDTH, HEADS, **block) for _ in range(LAYERS))
            self.norm = nn.LayerNorm(WIDTH)
            self.heads = nn.Linear(WIDTH, HORIZONS * len(LEVELS) + HORIZONS + 3 + 1 + 1)

        def forward(self, windows: torch.Tensor) -> list[torch.Tensor]:
            x = self.input(windows) + self.position
            for block in self.blocks:
                x = block(x)
            return self.heads(self.norm(x[:, -1])).split([HORIZONS * len(LEVELS), HORIZONS, 3, 1, 1], dim=1)

    def loss_of(told: list[torch.Tensor], units: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        raw, logits, actions, size, risk = told
        raw = raw.view(-1, HORIZONS, len(LEVELS))
        middle = raw[:, :, 2:3]
        below, above = functional.softplus(raw[:, :, :2]), functional.softplus(raw[:, :, 3:])
        falls = middle - below.flip(2).cumsum(2).flip(2)
        quantiles = torch.cat([falls, middle, middle + above.cumsum(2)], 2)
        error = units.unsqueeze(2) - quantiles
        pinball = torch.maximum(error * levels, error * (levels - 1)).mean() * 2
        direction = functional.binary_cross_entropy_with_logits(logits, (units > 0).float())
        risk = functional.softplus(risk) + 1e-2
        likelihood = (risk.log() + ((units[:, -1:] - middle[:, -1].detach()) / risk) ** 2 * 0.5).mean()
        sizes = ((torch.sigmoid(size) * units[:, -1:].abs() - 1) ** 2 * 0.5).mean()
        return pinball + direction + 0.1 * (functional.cross_entropy(actions, action) + sizes + likelihood)

    net = Net()
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.05)
    windows = torch.randn(batch * 4, WINDOW, FEATURES)
    units, action = torch.randn(batch * 4, HORIZONS), torch.randint(0, 3, (batch * 4,))

    def take(count: int) -> tuple[float, float, float]:
        began, worked = time.perf_counter(), time.process_time()
        for step in range(count):
            part = slice(step % 4 * batch, (step % 4 + 1) * batch)
            loss = loss_of(net(windows[part]), units[part], action[part])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
        return time.perf_counter() - began, time.process_time() - worked, loss.item()

    take(WARM_UP)
    seconds, cpu_s, loss = take(steps)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    parameters = sum(parameter.numel() for parameter in net.parameters())
    told = {"steps_per_s": steps / seconds, "steps_per_cpu_s": steps / cpu_s, "peak_mib": peak_mib, "loss": loss}
    return told | {"version": torch.__version__, "parameters": parameters}


def turn(command: list[str]) -> dict:
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--ours", default="cargo bench --quiet -p tickerbox-trainer --bench steps --")
    parser.add_argument("--pytorch", action="store_true", help="only PyTorch, in this process")
    arguments = parser.parse_args()
    threads, batch, steps = arguments.threads, arguments.batch, arguments.steps
    if arguments.pytorch:
        print(json.dumps(pytorch(threads, batch, steps)))
        return
    numbers = [str(number) for number in (threads, batch, steps)]
    commands = {
        "ours": [*shlex.split(arguments.ours), *numbers],
        "pytorch": [sys.executable, __file__, "--pytorch", "--threads", numbers[0], "--batch", numbers[1], "--steps", numbers[2]],
    }
    told: dict[str, list[dict]] = {name: [] for name in commands}
    for _ in range(arguments.turns):
        for name, command in commands.items():
            told[name].append(turn(command))
    median = lambda name, key: statistics.median(one[key] for one in told[name])  # noqa: E731
    result = {"threads": threads, "batch": batch, "steps": steps, "turns": arguments.turns}
    result["version"] = told["pytorch"][0]["version"]
    for key in ("steps_per_s", "steps_per_cpu_s", "peak_mib"):
        ours, theirs = median("ours", key), median("pytorch", key)
        result[key] = {"ours": round(ours, 3), "pytorch": round(theirs, 3), "ratio": round(ours / theirs, 3)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
