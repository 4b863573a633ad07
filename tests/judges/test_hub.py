"""How models are loaded: what is refused in one line, adapters, quantised weights, GGUF files, revisions, own code."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hoodwink.corpora.errors import UsageError
from hoodwink.judges.hub import Source, digest
from hoodwink.judges.judge import ask
from hoodwink.judges.opening import open_judge
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

CPU = {"device": "cpu", "dtype": "fp32"}

#: A model of code that comes with it.
CODE = """
from transformers import LlamaConfig, LlamaForCausalLM
class OwnConfig(LlamaConfig):
    model_type = "own"
class Own(LlamaForCausalLM):
    config_class = OwnConfig
open("it-ran", "w").close()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch, model, tokenizer):
    """The working folder, with the tiny model in `model`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    model.save_pretrained("model")
    tokenizer.save_pretrained("model")
    return tmp_path


def change(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def refused(spec):
    with pytest.raises(UsageError) as error:
        open_judge(spec, **CPU)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_classifier_is_no_language_model_and_the_other_way_round(folder, reward_model, tokenizer):
    """Else what is missing would be random numbers, or nothing missing and all the same without meaning."""
    reward_model(tokenizer).save_pretrained("rm")
    tokenizer.save_pretrained("rm")
    assert refused("hf:rm") == "model 'rm' is a classifier; write reward:rm"
    assert refused("reward:model") == (
        "model 'model' has no weights for score.weight, which reward: needs; write hf:model if it is a language model"
    )


def test_pickles_are_not_read(folder, model):
    (folder / "model" / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "model" / "pytorch_model.bin")
    assert refused("hf:model").startswith("model 'model' cannot be loaded: ")
    assert "safetensors" in refused("hf:model")


def test_a_revision_is_for_the_hub(folder):
    assert refused("hf:model:revision=main") == (
        "revision='main' is for models on the hub, and 'model' is a folder; leave it out"
    )


def test_a_revision_is_pinned_and_told(monkeypatch):
    """The hub's commit goes into what identifies the weights, whatever the revision is called."""
    source = Source("hf", "org/model", revision="v1", trust_remote_code=True)
    assert source.name == "hf:org/model:revision=v1:trust_remote_code=true"
    assert source._options() == {"revision": "v1", "trust_remote_code": True}
    loaded = torch.nn.Linear(2, 2)
    loaded.config = type("Config", (), {"_commit_hash": "0123abcd"})
    assert source.weights(loaded, torch.float32) == "org/model@0123abcd"


def test_code_of_a_models_own_runs_only_on_request(folder, items):
    plain = open_judge("hf:model", **CPU)
    (folder / "model" / "own.py").write_text(CODE)
    config = folder / "model" / "config.json"
    change(config, model_type="own", auto_map={"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.Own"})
    assert refused("hf:model") == (
        "model 'model' comes with code of its own, which is not run unasked; "
        "read it, then write hf:model:trust_remote_code=true"
    )
    assert not (folder / "it-ran").exists()
    judge = open_judge("hf:model:trust_remote_code=true", **CPU)
    assert (folder / "it-ran").exists()
    assert judge.name == "hf:model:trust_remote_code=true"
    assert [v.margin for v in ask(judge, items)] == pytest.approx([v.margin for v in ask(plain, items)], abs=1e-5)


@pytest.mark.parametrize(
    ("config", "package"),
    [
        ({"quant_method": "gptq", "bits": 4}, "optimum"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "bitsandbytes"),
        ({"quant_method": "compressed-tensors", "config_groups": {}}, "compressed-tensors"),
        ({"quant_method": "hqq"}, "hqq"),
    ],
)
def test_quantised_weights_of_which_the_package_is_missing(folder, config, package):
    if package == "bitsandbytes":
        pytest.importorskip("accelerate")
    change(folder / "model" / "config.json", quantization_config=config)
    said = refused("hf:model")
    assert said.startswith(f"model 'model' is quantised ({config['quant_method']}) and cannot be loaded here: ")
    assert package in said


def test_an_adapter_of_a_language_model(folder, model, items):
    adapter(model, folder / "adapter", task="CAUSAL_LM")
    judge = open_judge("hf:model:adapter=adapter", **CPU)
    assert judge.name == "hf:model:adapter=adapter"
    plain = open_judge("hf:model", **CPU)
    assert judge.fingerprint != plain.fingerprint
    assert [v.margin for v in ask(judge, items)] != pytest.approx([v.margin for v in ask(plain, items)], abs=1e-2)


def adapter(model, out, *, task, labels=0):
    """A LoRA adapter that changes something, in a folder; with the head of a classifier if there are labels."""
    saved = ["score"] if labels else None
    with torch.random.fork_rng():
        torch.manual_seed(9)
        wrapped = get_peft_model(
            model, LoraConfig(r=2, target_modules=["q_proj"], task_type=task, modules_to_save=saved)
        )
        for name, weight in wrapped.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.3)
        wrapped.save_pretrained(str(out))
        return wrapped


@pytest.mark.parametrize("labels", [1, 2])
def test_an_adapter_brings_the_head_of_a_reward_model(folder, tokenizer, reward_model, items, labels):
    """Over a language model, as peft saves reward models: its head is nowhere but in the adapter."""
    base = reward_model(tokenizer, labels=labels)
    base.model.load_state_dict(open_judge("hf:model", **CPU).model.model.state_dict())
    wrapped = adapter(base, folder / "adapter", task="SEQ_CLS", labels=labels).eval()
    judge = open_judge("reward:model:adapter=adapter", **CPU)
    again = open_judge("reward:model:adapter=adapter", **CPU)
    assert judge.name == "reward:model:adapter=adapter"
    assert judge.fingerprint == again.fingerprint
    for item, verdict in zip(items, ask(judge, items[:4]), strict=False):
        ids = torch.tensor(judge.encode([item]))
        with torch.no_grad():
            row = wrapped(input_ids=ids).logits[0]
        assert verdict.margin == pytest.approx(float(row[-1] - (row[0] if labels == 2 else 0)), abs=1e-4)


def test_a_quantised_tensor_is_told_by_what_it_is_kept_in():
    """Tensors of a class of their own, as those of torchao and quanto."""

    class Kept(torch.Tensor):
        @staticmethod
        def __new__(cls, data, scale):
            return torch.Tensor._make_wrapper_subclass(cls, data.shape, dtype=torch.float32)

        def __init__(self, data, scale):
            self.data_, self.scale_ = data, scale

        def __tensor_flatten__(self):
            return ["data_", "scale_"], None

        @classmethod
        def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
            raise NotImplementedError

    def model(first, scale):
        weights = {"a": Kept(torch.tensor([first, 2], dtype=torch.int8), torch.tensor(scale)), "b": torch.ones(2)}
        return type("Model", (), {"state_dict": lambda self: weights})()

    seen = {digest(model(first, scale), torch.bfloat16) for first, scale in ((1, 0.5), (3, 0.5), (1, 0.25))}
    assert len(seen) == 3
    assert digest(model(1, 0.5), torch.bfloat16) in seen


@pytest.mark.parametrize("kind", ["F32", "Q8_0", "Q4_0"])
def test_a_gguf_file(folder, tokenizer, model, items, kind):
    """Written here from the tiny model; the tokenizer is the folder's own."""
    gguf = pytest.importorskip("gguf")
    kept = gguf.GGMLQuantizationType[kind]
    config = model.config
    writer = gguf.GGUFWriter(str(folder / "model" / "tiny.gguf"), "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([tokenizer.convert_ids_to_tokens(i) for i in range(len(tokenizer))])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for key, tensor in model.state_dict().items():
        rows = tensor.numpy().astype(np.float32)
        for part, heads in (("q_proj", config.num_attention_heads), ("k_proj", config.num_key_value_heads)):
            if part in key:  # llama.cpp turns the halves of a head that rotate together into neighbours
                rows = rows.reshape(heads, 2, -1, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)
        name, rows = names.get_name(key, try_suffixes=(".weight",)), np.ascontiguousarray(rows)
        if kind == "F32" or tensor.dim() == 1:
            writer.add_tensor(name, rows)
            continue
        writer.add_tensor(name, gguf.quants.quantize(rows, kept), raw_dtype=kept)
        packed = gguf.quants.quantize(tensor.numpy().astype(np.float32), kept)
        tensor.copy_(torch.from_numpy(gguf.quants.dequantize(packed, kept)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model.save_pretrained("model")  # with its weights rounded as they are in the file
    plain = open_judge("hf:model", **CPU)
    (folder / "model" / "model.safetensors").unlink()
    judge = open_judge("hf:model:gguf=tiny.gguf", **CPU)
    assert judge.name == "hf:model:gguf=tiny.gguf"
    assert [v.margin for v in ask(judge, items)] == pytest.approx([v.margin for v in ask(plain, items)], abs=1e-4)
    assert "model 'model' cannot be loaded: " in refused("hf:model:gguf=other.gguf")


def test_weights_that_do_not_fit_their_config(folder, model):
    save_file({"model.norm.weight": torch.ones(5)}, folder / "model" / "model.safetensors", {"format": "pt"})
    assert refused("hf:model").startswith("model 'model' ")


def test_another_chat_format_in_the_folder_is_another_judge(folder, tokenizer):
    def opened():
        return open_judge("hf:model", **CPU).fingerprint

    before = opened()
    template = tokenizer.chat_template
    tokenizer.chat_template = template.replace("assistant", "grader")
    tokenizer.save_pretrained("model")
    assert opened() != before
    tokenizer.chat_template = template
    tokenizer.save_pretrained("model")
    assert opened() == before
