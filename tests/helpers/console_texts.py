"""Text as training programs print it; numbers made up."""

from __future__ import annotations

BAR = (
    " iteration {i:8d}/{n:8d} | consumed samples: {s:12d} |"
    " elapsed time per iteration (ms): 812.4 |"
)
MEGATRON = (
    "".join(
        " [2025-02-03 10:00:00]"
        + BAR.format(i=step, n=400, s=step * 256)
        + f" learning rate: {2e-4 - step * 1e-7:.6E} | global batch size:   256 |"
        f" lm loss: {3 - step / 1000:.6E} | loss scale: 1.0 | grad norm: 0.912 |"
        " num zeros: 12.0 | number of skipped iterations:   0 | number of nan iterations:   0 |\n"
        for step in (100, 200, 300)
    )
    + "-" * 90
    + "\n validation-wiki loss at iteration 300 | lm loss value: 2.812500E+00 |"
    " lm loss PPL: 1.665150E+01 | \n"
    " validation loss at iteration 300 on test set | lm loss value: 2.750000E+00 |"
    " lm loss PPL: 1.564263E+01 |\n"
)
OLD_MEGATRON = "".join(
    f" iteration {step:8d}/     400 | elapsed time per iteration (ms): 650.1 |"
    f" learning rate {1.5e-4:.3E} | lm loss {3 - step / 1000:.6E} | loss scale 65536.0 |\n"
    for step in (100, 200, 300)
)
NEOX = "".join(
    f" samples/sec: 31.683 | iteration {step:8d}/     400 | elapsed time per iteration (ms): 650.1"
    f" | learning rate: {1.5e-4:.3E} | approx flops per GPU: 50.1TFLOPS | lm_loss:"
    f" {3 - step / 1000:.6E} | loss scale: 65536.0 | number of skipped iterations:   0 |"
    " number of nan iterations:   0 |\n"
    for step in (100, 200, 300)
) + (
    "-" * 80 + "\n validation results at iteration 300 | lm_loss value: 2.812500E+00 | "
    "lm_loss_ppl value: 1.665150E+01 | \n"
)
DEEPSPEED = "".join(
    f"[2025-02-03 10:00:00,123] [INFO] [logging.py:96:log_dist] [Rank 0] step={step}, skipped=0, "
    f"lr=[{2e-5}, {2e-5}], mom=[[0.9, 0.95], [0.9, 0.95]]\n"
    f"steps: {step} loss: {3 - step / 1000:.4f} iter time (s): 1.010 samples/sec: 31.683\n"
    for step in (100, 200, 300)
)
TORCHTITAN = "".join(
    f"[rank0]:[titan] 2025-02-03 10:00:00,123 - root - INFO - \x1b[31mstep: {step:2}  "
    f"\x1b[32mloss: {3 - step / 1000:8.5f}  \x1b[38;2;180;60;0mgrad_norm:  0.9120  "
    "\x1b[36mmemory: 40.11GiB(50.72%)  \x1b[34mtps: 7,012  \x1b[36mtflops: 333.10  "
    "\x1b[35mmfu: 33.68%\x1b[39m\n"
    for step in (100, 200, 300)
) + (
    "[rank0]:[titan] 2025-02-03 10:00:00,123 - root - INFO - \x1b[33mvalidate step: 300  "
    "\x1b[32mloss:  2.8125  \x1b[36mmemory: 40.11GiB(50.72%)  \x1b[34mtps: 7,012\x1b[39m\n"
)
NANOGPT = "tokens per iteration will be: 491,520\n" + "".join(
    f"step {step}: train loss {2.9 - step / 1000:.4f}, val loss {3 - step / 1000:.4f}\n"
    f"iter {step}: loss {2.95 - step / 1000:.4f}, time 512.22ms, mfu 31.20%\n"
    for step in (100, 200, 300)
)
BUILD_NANOGPT = "".join(
    f"{step} val {3 - step / 1000:.4f}\n{step} hella 0.2511\n{step} train {2.9 - step / 1000:.6f}\n"
    for step in (100, 200, 300)
)
BUILD_NANOGPT_CONSOLE = "".join(
    f"validation loss: {3 - step / 1000:.4f}\n"
    f"step {step:5d} | loss: {2.9 - step / 1000:.6f} | lr 6.0000e-04 | norm: 0.31 | dt: 330.11ms "
    "| tok/sec: 1588011.22\n"
    for step in (100, 200, 300)
)
NANOCHAT = "".join(
    f"Step {step:05d} | Validation bpb: 0.9{step // 100}12\n"
    f"step {step:05d}/02000 ({step / 20:.2f}%) | loss: {3 - step / 1000:.6f} | lrm: 0.50 | "
    "dt: 512.22ms | tok/sec: 1,023,001 | bf16_mfu: 48.11 | epoch: 1 | total time: 1.20m\n"
    for step in (100, 200, 300)
)
MODDED_NANOGPT = (
    "import torch\nprint(f'step:{step}')\n"
    + "    beta1=0.9\n" * 50
    + "".join(
        f"step:{step}/1480 val_loss:{3 - step / 1000:.4f} train_time:{step * 150}ms "
        f"step_avg:150.00ms\nstep:{step + 1}/1480 train_time:{step * 150}ms step_avg:150.00ms\n"
        for step in (100, 200, 300)
    )
)
LLM_C = "".join(
    f"s:{step} tel:{3 - step / 1000:.4f}\ns:{step} eval:0.2511\n"
    f"s:{step} trl:{2.9 - step / 1000:.4f} lr:0.000600 norm:0.40\n"
    for step in (100, 200, 300)
)
OLMO = "".join(
    f"2025-02-03 10:00:00\thost:0\tolmo.train:979\tINFO\t[step={step}/1,000,epoch=0]\n"
    f"    train/CrossEntropyLoss={3 - step / 1000:.3f}\n    train/Perplexity=17.21\n"
    f"    throughput/total_tokens={step * 4096:,d}\n    optim/learning_rate_group0=0.0003\n"
    f"2025-02-03 10:00:00\thost:0\tolmo.train:1042\tINFO\t[eval_step=1/8]\n"
    "2025-02-03 10:00:00\thost:0\tolmo.train:979\tINFO\tc4_en-validation\n"
    f"    eval/c4_en-validation/CrossEntropyLoss={3.1 - step / 1000:.3f}\n"
    for step in (100, 200, 300)
)
OLMO_CORE = "".join(
    f"2025-02-03 10:00:00\thost:0\tolmo_core.train:55\tINFO\t"
    f"[step={step}/1000,epoch=1,eta=1:02:03]\n    train/CE loss={3 - step / 1000:.3f}\n"
    "    train/PPL=17.21\n    optim/LR (group 0)=0.0003\n    throughput/device/TPS=12,311\n"
    for step in (100, 200, 300)
)
COMPOSER = "".join(
    f"[batch={step}/1000]:\n\t Train time/batch: {step - 1}\n\t Train lr-DecoupledAdamW/group0: "
    f"0.0003\n\t Train loss/train/total: {3 - step / 1000:.4f}\n"
    "[Eval batch=1/10] Eval on eval data\n[Eval batch=10/10] Eval on eval data:\n"
    f"\t Eval metrics/eval/LanguageCrossEntropy: {3.1 - step / 1000:.4f}\n"
    "\t Eval metrics/eval/LanguagePerplexity: 21.2\n"
    for step in (100, 200, 300)
)
# Progress in tokens; the time is that before the batch, or after the last.
COMPOSER_TOKENS = "".join(
    f"[token={step * 4096}/1228800]:\n\t Train time/batch: {step - before}\n"
    f"\t Train time/token: {(step - before) * 4096}\n\t Train lr-DecoupledAdamW/group0: 0.0003\n"
    f"\t Train loss/train/total: {3 - step / 1000:.4f}\n"
    "[Eval batch=10/10] Eval on eval data:\n"
    f"\t Eval metrics/eval/LanguageCrossEntropy: {3.1 - step / 1000:.4f}\n"
    for step, before in ((100, 1), (200, 1), (300, 0))
)
TORCHTUNE = "".join(
    f"Step {step} | loss:{3 - step / 1000} lr:2e-05 tokens_per_second_per_gpu:5123.2 "
    "grad_norm:0.71 \n"
    for step in (100, 200, 300)
)
MLX = "".join(
    f"Iter {step}: Val loss {3.1 - step / 1000:.3f}, Val took 3.112s\n"
    f"Iter {step}: Train loss {3 - step / 1000:.3f}, Learning Rate 1.000e-05, It/sec 0.512, "
    f"Tokens/sec 512.122, Trained Tokens {step * 1000}, Peak mem 12.1 GB\n"
    for step in (100, 200, 300)
)
MLX_0_32 = "  iter   train_loss     tok/s     tokens\n" + "".join(
    f"  {step:>4}    val {3.1 - step / 1000:>5.3f}    3.11s\n"
    f"  {step:>4}    {3 - step / 1000:>5.3f} ▼    {1512:>5,.0f}    {step:>5.1f}k\n"
    for step in (100, 200, 300)
)
LITGPT = "".join(
    f"Epoch 1 | iter {step * 8} step {step} | loss train: {3 - step / 1000:.3f}, val: n/a | "
    f"iter time: 210.11 ms (step)\niter {step * 8}: val loss {3.1 - step / 1000:.4f}, "
    "val time: 2210.11 ms\n"
    for step in (100, 200, 300)
)
# Evaluated after steps 150 and 450: the print behind each is a mixture with what was before.
NEMO = "".join(
    f"Training epoch 0, iteration {step}/999 | lr: 2.999e-06 | global_batch_size: 512 | "
    f"global_step: {step} | reduced_train_loss: {3 - step / 1000:.4} | train_step_timing in s: "
    f"4.1 | consumed_samples: {step * 512}{val}\n"
    for step, val in zip(
        range(100, 800, 100),
        ("", *(f" | val_loss: {loss}" for loss in (1.55, 3.1, 3.1, 3.0, 2.9, 2.9))),
        strict=True,
    )
)
ANY = "starting\n" + "".join(
    f"2025-02-03 10:00:00 INFO step {step} | train_loss {3 - step / 1000:.4f} | lr 1.0e-04 | "
    "3.1 it/s\n"
    for step in (100, 200, 300)
)
