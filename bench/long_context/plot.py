"""Draws what long_context_benchmark prints: seconds and peak memory against tokens, a line a model.

plot.py FIGURES.jsonl IMAGE    (matplotlib; the format is the image's ending)
"""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

NAMES = {
    "m2bert": "M2-BERT 80M, padded to the length",
    "mamba": "Mamba 130M",
    "bert-base": "BERT-base, windows of 512",
    "minilm": "MiniLM-L6, windows of 512",
    "smith": "SMITH-WP+SP, blocks of 32",
}


def main(figures, image):
    with open(figures, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    fig, (time, memory) = plt.subplots(1, 2, figsize=(11, 4.2))
    for model in dict.fromkeys(row["model"] for row in rows):
        of_model = [row for row in rows if row["model"] == model]
        tokens = [row["tokens"] for row in of_model]
        label = NAMES.get(model, model)
        time.plot(tokens, [row["best_s"] for row in of_model], "o-", label=label)
        memory.plot(tokens, [row["peak_mb"] for row in of_model], "o-", label=label)
    ticks = sorted({row["tokens"] for row in rows})
    for axes in (time, memory):
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks], fontsize=8)
        axes.minorticks_off()
        axes.set_xlabel("tokens of the document")
        axes.grid(alpha=0.3)
    time.set_yscale("log")
    time.set_ylabel("seconds (best round)")
    memory.set_ylabel("peak resident memory, MB")
    memory.set_ylim(bottom=0)
    time.legend(fontsize=8)
    first = rows[0]
    fig.suptitle(f"One document, {first['precision']}, {first['threads']} threads", fontsize=11)
    fig.tight_layout()
    fig.savefig(image, dpi=130)


if __name__ == "__main__":
    main(*sys.argv[1:])
