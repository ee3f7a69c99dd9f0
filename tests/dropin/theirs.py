"""ONNX Runtime's own tests of its Python interface (`onnxruntime_test_python.py`, class TestInferenceSession), by name.

What each says of the interface is tested here with models of our own; nothing of its text is. Those that do not apply
have the reason. As of ONNX Runtime's commit 0028d2f.
"""

from __future__ import annotations

CUDA = "it is for a provider that needs a GPU of another maker, and does nothing without"
OPTIMIZED = "zif writes no optimized model; it says so once"

#: Tests that do not apply, and why.
NOT_APPLICABLE = {
    "test_tvm_imported": CUDA,
    "test_model_serialization": OPTIMIZED,
    "test_model_serialization_with_external_initializers": OPTIMIZED,
    "test_model_serialization_with_external_initializers_to_directory": OPTIMIZED,
    "test_model_serialization_with_original_external_initializers_to_directory": OPTIMIZED,
    "test_model_serialization_with_original_external_initializers_to_current_directory": OPTIMIZED,
    "test_set_providers": CUDA,
    "test_set_providers_with_options": CUDA,
    "test_session_providers": CUDA,
    "test_get_and_set_tuning_results": CUDA,
    "test_loading_session_options_from_model": "options that a model's metadata hold are not read",
    "test_ort_value_gh_issue9799": CUDA,
    "test_run_model_with_cuda_copy_stream": CUDA,
    "test_multiple_devices": CUDA,
    "test_adater_export_read": "zif has no LoRA adapters",
    "test_run_with_adapter": "zif has no LoRA adapters; asking for one is an error",
}
#: Tests that apply in part: what of them does not.
IN_PART = {
    "test_ort_value": "the engine's own object below the session is not there",
    "test_sparse_tensor_coo_format": "a sparse tensor is ONNX Runtime's own, and no OrtValue of ours holds one",
    "test_sparse_tensor_csr_format": "a sparse tensor is ONNX Runtime's own",
}
#: Tests whose like is in test_interface.py, test_values.py or test_options.py, under the same name.
HELD = (
    *("test_get_version_string", "test_get_build_info", "test_get_providers", "test_enabling_and_disabling_telemetry"),
    *("test_set_default_logger_callback", "test_deserialization_from_path_object", "test_invalid_set_providers"),
    *("test_run_model_with_optional_sequence_input", "test_run_model", "test_run_async", "test_run_model_from_bytes"),
    *("test_run_model2", "test_run_model2_contiguous", "test_run_model_multiple_threads", "test_list_as_input"),
    *("test_string_list_as_input", "test_run_device", "test_run_model_symbolic_input", "test_boolean_inputs"),
    *("test_string_input1", "test_string_input2", "test_input_bytes", "test_input_object", "test_input_void"),
    *("test_raise_wrong_num_inputs", "test_model_meta", "test_profiler_with_session_options"),
    *("test_profiler_get_start_time_ns", "test_graph_optimization_level", "test_sequence_length"),
    *("test_sequence_construct", "test_sequence_insert", "test_ort_execution_mode"),
    "test_session_options_add_free_dimension_override_by_denotation",
    "test_session_options_add_free_dimension_override_by_name",
    *("test_session_options_add_config_entry", "test_invalid_session_options_config_entry"),
    *("test_session_options_add_initializer", "test_session_options_add_external_initializers"),
    "test_session_options_add_external_initializers_from_files_in_memory",
    *("test_register_custom_ops_library", "test_ort_value", "test_ort_value_dlpack", "test_ort_value_dlpack_zero_size"),
    *("test_ort_value_array_protocol", "test_run_output_does_not_alias_input_passthrough"),
    *("test_run_session_owned_output_is_zero_copy", "test_ort_value_dlpack_protocol"),
    *("test_ort_value_from_dlpack_protocol_object", "test_ort_value_from_dlpack_bool"),
    *("test_sparse_tensor_coo_format", "test_sparse_tensor_csr_format", "test_ort_device", "test_ort_memory_info"),
    *("test_ort_memory_info_create_v2", "test_shared_allocator_using_create_and_register_allocator"),
    *("test_memory_arena_shrinkage", "test_check_and_normalize_provider_args", "test_create_allocator"),
    *("test_run_base_model", "test_get_graph_provider_assignment_info"),
    *("test_get_graph_provider_assignment_info_not_enabled", "test_tree_ensemble_logistic"),
)
