"""Each row of each table in docs/logs.md has a test, and each reader has a row.

A new row fails here until it is named below, with the file and the test that show it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import log_seeds
from cptlaw.studies import logs
from cptlaw.studies.logs.console import trainer
from cptlaw.studies.logs.console.writers import ANY, WRITERS

TESTS = Path(__file__).parent.parent
PAGE = TESTS.parent / "docs" / "logs.md"

# By section: the start of a row -> the file of its test, and the test.
TESTED = {
    "Logs": {
        "CSV, TSV": "logs_tables the_same_log_in_other_clothes",
        "Parquet": "logs_tables parquet",
        "JSON Lines, or": "logs_tables sparse_json_lines",
        "Hugging Face": "logs_trainer_state trainer_state",
        "Lightning's": "logs_lightning rows_are_sparse_and_the_epoch_does_not_restart_them",
        "LitGPT's": "logs_lightning litgpt_logs_micro_batches_as_steps",
        "LLaMA-Factory's": "logs_counting llama_factory",
        "ms-swift's": "logs_counting ms_swift_tells_the_step_of_all_steps",
        "tables between": "logs_odd the_table_of_a_model_card",
        "one JSON object": "logs_odd objects_of_other_shapes",
        "long CSV": "logs_counting long_tables",
        "a tag's CSV": "logs_counting a_tag_exported_by_tensorboard_names_its_column",
        "levanter's": "logs_console levanter",
        "TensorBoard": "logs_tensorboard a_file_of_the_hugging_face_callback",
        "W&B run": "logs_wandb a_file_of_wandb",
        "W&B chart": "logs_wandb a_chart_of_one_run_and_several_metrics",
        "W&B history": "logs_wandb history_exports_take_the_training_step_where_they_have_it",
        "MLflow's": "logs_databases what_the_mlflow_that_is_installed_writes",
        "Trackio's": "logs_databases what_the_trackio_that_is_installed_writes",
        "console text": "logs_console programs",
        "Aim, other": "logs_databases known_files_that_are_not_read",
    },
    "Console text": {
        "transformers Trainer": "logs_trainer_text the_real_callback",
        "Megatron-LM": "logs_console programs",
        "DeepSpeed": "logs_console the_lr_of_deepspeed_without_brackets",
        "torchtitan": "logs_console programs",
        "nanoGPT": "logs_console programs",
        "build-nanogpt": "logs_console programs",
        "nanochat": "logs_series nanochat_logs_a_moving_average",
        "modded-nanogpt": "logs_console validation_only",
        "llm.c": "logs_console programs",
        "OLMo": "logs_told_steps olmo_prints_evaluations_after_their_step",
        "OLMo-core": "logs_told_steps olmo_core_prints_evaluations_before_their_step",
        "Composer": "logs_console batches_that_count_anew_in_each_epoch",
        "torchtune": "logs_console programs",
        "mlx-lm": "logs_console programs",
        "LitGPT": "logs_console programs",
        "NeMo 2": "logs_console values_that_nemo_mixes_are_left_out",
        "any other": "logs_counting lines_of_unknown_programs",
    },
    "TensorBoard": {
        "scalars": "logs_tensorboard numbers_kept_as_tensors",
        "configuration logged": "logs_tensorboard tensors_of_many_numbers_and_texts_are_no_scalars",
        "a folder with": "logs_tensorboard files_of_one_folder_are_one_run_and_the_later_counts",
        "... written": "logs_tensorboard files_written_at_the_same_time_are_refused",
        "folders train": "logs_tensorboard folders_train_and_validation_are_one_run",
        "folders runs": "logs_tensorboard dated_folders_of_one_resumed_run",
        "other folders": "logs_tensorboard several_runs_are_refused_by_name_and_can_be_picked",
        "Megatron's": "logs_tensorboard series_by_samples_are_left_out",
        "a file cut": "logs_tensorboard zeros_at_the_end_and_a_wrong_length_stop_the_reading",
    },
    "Weights & Biases": {
        "steps": "logs_wandb steps_of_the_log_calls_where_there_are_no_others",
        "nested tables": "logs_wandb nested_tables_texts_and_infinities",
        "the run's": "logs_wandb history_rows_become_rows",
        "a folder": "logs_wandb several_runs_are_refused_by_name_and_can_be_picked",
        "a file cut": "logs_wandb damage_costs_the_rest_of_its_block",
        "chart CSV of": "logs_wandb a_chart_of_several_runs",
        "chart CSV where": "logs_wandb a_chart_of_several_runs",
        "chart CSV by": "logs_wandb a_chart_by_time",
        "run.history()": "logs_wandb history_exports_take_the_training_step_where_they_have_it",
    },
    "MLflow and Trackio": {
        "several runs": "logs_databases several_runs_of_mlflow_and_one_deleted",
        "a file of one": "logs_databases one_metric_of_mlflow",
        "metrics logged": "logs_databases metrics_logged_without_a_step",
        "infinite": "logs_databases values_of_mlflow_that_are_no_numbers",
        "the run's": "logs_databases a_database_of_trackio",
        "steps of": "logs_databases rows_of_trackio_that_cannot_be_read",
        "rows still": "logs_databases rows_that_still_lie_in_the_file_beside_the_database",
        "the CSV": "logs_databases the_export_of_a_metric_of_mlflow",
    },
    "Large files": {
        "gzipped": "logs_databases a_packed_file_that_grows_without_end",
        "Parquet": "logs_large parquet_that_unpacks_to_too_much",
        "TensorBoard, W&B": "logs_large a_log_of_too_many_cells_is_refused",
        "CSV, 1,000,000": "log_speed the_files_that_are_read_are_logs",
        "JSON Lines, 1": "log_speed the_files_that_are_read_are_logs",
        "Parquet, 1,000,000": "log_speed the_files_that_are_read_are_logs",
        "Parquet, 10,000,000": "log_speed the_files_that_are_read_are_logs",
        "TensorBoard, 60": "logs_tensorboard every_point_is_kept_and_as_tensorboard_reads_it",
    },
    "Columns": {
        "counts, times": "logs_columns columns_that_are_no_losses_by_name",
        "parts of": "logs_judging names_of_no_losses",
        "perplexities": "logs_odd a_perplexity_beside_its_loss_is_none",
        "bits": "logs_judging bits_per_byte_are_named_and_turned_into_nats_where_bytes_are_given",
        "a parameter": "logs_judging values_that_no_loss_has",
        "a constant": "logs_judging values_that_no_loss_has",
        "a summary": "logs_judging a_single_value_beside_many_is_left_out",
    },
    "Means and moving averages": {
        "transformers": "logs_series_trainer a_logged_lr_is_of_the_step_that_it_is_taken_for",
        "Megatron-LM and GPT-NeoX, c": "logs_console a_mean_over_the_interval_keeps_its_window",
        "Megatron-LM and GPT-NeoX, T": "logs_tensorboard gpt_neox_logs_the_lr_of_the_next_step",
        "nanochat": "logs_series nanochat_logs_a_moving_average",
        "NeMo": "logs_console values_that_nemo_mixes_are_left_out",
        "mlx-lm": "logs_series mlx_lm_logs_means_and_its_own_lr",
        "DeepSpeed": "logs_series programs_that_log_the_next_lr",
        "torchtitan": "logs_series programs_that_log_their_own_lr",
        "Lightning": "logs_lightning rows_are_sparse_and_the_epoch_does_not_restart_them",
        "anything else": "logs_columns training_losses",
    },
    "Steps": {
        "a batch index": "logs_counting a_batch_index_is_counted_through",
        "batches of": "logs_odd console_steps_that_begin_anew_in_each_epoch",
        "1,000": "logs_odd thousands",
        "tokens": "logs_odd what_has_no_steps_or_no_losses_is_told",
        "micro-batches": "logs_told_steps micro_batches_by_litgpt_s_own_file",
        "_step": "logs_counting log_calls_are_told",
        "step that": "logs_counting a_global_step_that_differs_from_step_is_preferred",
        "an epoch": "logs_counting counters_that_do_not_go_with_the_steps_are_told",
        "several ranks": "logs_counting ranks_are_averaged",
        "decimal commas": "logs_odd tables_set_in_other_ways",
        "objects": "logs_odd objects_of_other_shapes",
        "a file without": "logs_damaged a_number_cut_in_its_digits_is_left_out",
        "NaN": "logs_columns impossible_losses_are_dropped_and_told",
        "steps logged": "logs_restarts a_restart_replaces_what_it_abandons",
        "unsorted": "logs_restarts unsorted_rows_are_sorted_and_told",
        "train and": "logs_restarts train_and_evaluation_rows_of_a_step_complement_each_other",
        "a training loss": "windows a_forecast_is_scored_against_the_means_that_were_logged",
        "no learning-rate": "logs_columns no_learning_rate_is_told",
    },
    "Bad data": {
        "a run": "faults a_loss_that_rises_for_good_has_diverged",
        "a jump": "faults a_loss_that_is_summed_from_some_step_on_has_jumped",
        "perplexity": "faults perplexities_are_told_by_their_size",
        "the same": "faults the_same_run_twice_counts_once",
        "swapped": "faults swapped_domains_are_told",
        "LR 0": "faults runs_without_a_learning_rate_are_left_out",
    },
}
ROW_OF = {
    "trainer_state": "Hugging Face",
    "tensorboard": "TensorBoard",
    "wandb": "W&B run",
    "wandb_chart": "W&B chart",
    "mlflow": "MLflow's",
    "trackio": "Trackio's",
    "trainer_log": "LLaMA-Factory's",
    "unread": "Aim, other",
    "parquet": "Parquet",
    "levanter": "levanter's",
    "console": "console text",
    "jsonl": "JSON Lines, or",
    "json": "JSON Lines, or",
    "csv": "CSV, TSV",
}
"""The row of each of `logs.FORMATS`."""


def rows() -> Iterator[tuple[str, str]]:
    """The section and the first cell of each row of each table, headings of tables left out."""
    text = PAGE.read_text()
    section = "Logs"
    for line, after in zip(text.splitlines(), [*text.splitlines()[1:], ""], strict=True):
        if line.startswith("## "):
            section = line[3:]
        if line.startswith("| ") and not after.startswith("|---"):
            yield section, line.split("|")[1].replace("`", "").strip()


ROWS = list(rows())


def started(section: str, row: str) -> str:
    """The longest start of a row that a test is named for."""
    return max((start for start in TESTED[section] if row.startswith(start)), key=len, default="")


def test_the_page_has_tables() -> None:
    assert len(ROWS) > 100
    assert {section for section, _ in ROWS} == set(TESTED)


@pytest.mark.parametrize(("section", "row"), ROWS)
def test_a_row_has_a_test(section: str, row: str) -> None:
    start = started(section, row)
    assert start, f"docs/logs.md, {section}: name a test that reads a log of the row '{row}'"
    file, test = TESTED[section][start].split()
    (path,) = TESTS.rglob(f"test_{file}.py")
    assert re.search(rf"^def test_{test}\(", path.read_text(), re.MULTILINE), f"{path.name}: {test}"
    others = [other for of, other in ROWS if of == section and started(of, other) == start]
    assert others == [row], f"docs/logs.md, {section}: two rows, one test"


@pytest.mark.parametrize(("section", "start"), [(s, row) for s in TESTED for row in TESTED[s]])
def test_no_row_is_gone(section: str, start: str) -> None:
    assert any(of == section and row.startswith(start) for of, row in ROWS)


@pytest.mark.parametrize("name", sorted({each.name for each in logs.FORMATS}))
def test_a_format_has_a_row(name: str) -> None:
    assert ROW_OF[name] in TESTED["Logs"]


PROGRAMS = [trainer.TRAINER.name, *(writer.name for writer in WRITERS)]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_has_a_row(name: str) -> None:
    assert any(of == "Console text" and row.startswith(name) for of, row in ROWS)


def test_a_program_has_a_sample(tmp_path: Path) -> None:
    found: set[str] = set()
    for seed in log_seeds.seeds():
        if seed.format.startswith("console"):
            (tmp_path / seed.format).mkdir()
            found.add(logs.read(seed.put(tmp_path / seed.format, seed.files[seed.target])).format)
    assert found == {*PROGRAMS, ANY.name}
