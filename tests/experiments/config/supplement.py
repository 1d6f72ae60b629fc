"""What the supplement prints and states, typed here anew from its text; what is remembered of more.

Nothing here is read from the configs, which are compared with it.
"""

# Tables 1 and 3: method with hyper-parameter; entry of our method; entry of gradient clipping.
TABLE_1 = """
Adam (α = 10−2)        | 116.7 | N/A
Adam (α = 10−3)        | 121.0 | 121.1
Adam (α = 10−4)        | 164.2 | 167.2
RMSprop (η = 10−2)     | 129.0 | N/A
RMSprop (η = 10−3)     | 116.0 | 115.5
RMSprop (η = 10−4)     | 166.5 | 167.0
SGD (η divided by 1.2) | 105.5 | 109.5
SGD (η divided by 1.1) | 103.5 | 109.2
SGD (η divided by 1.05)| 105.2 | 109.9
"""
TABLE_3 = """
Adam (α = 10−2)    | 4.37 | 13.7
Adam (α = 10−3)    | 3.38 | 3.73
Adam (α = 10−4)    | 10.8 | 12.9
RMSprop (η = 10−2) | 4.80 | 13.9
RMSprop (η = 10−3) | 3.42 | 3.56
RMSprop (η = 10−4) | 3.58 | 3.63
SGD                | 3.42 | 3.55
"""
# Table 2: delta or threshold; success rate in percent; entry.
TABLE_2_DELTA = {
    0.2: (100, "138.1±0.8"),
    0.5: (100, "137.9±0.7"),
    0.8: (100, "137.4±0.6"),
    1.1: (100, "137.0±0.6"),
    1.4: (100, "136.8±0.4"),
}
TABLE_2_THRESHOLD = {
    5: (50, "178.8±0.8"),
    10: (100, "154.7±0.8"),
    15: (100, "145.1±0.8"),
    20: (80, "219.3±1"),
}
# Table 4: threshold; success rate; the two rows named Validation.
TABLE_4 = {
    0.0015: (70, "268.7.8±0.9", "276.0±1.7"),
    0.003: (10, "326.5", "331.3"),
    0.0045: (10, "310.3", "312.9"),
    0.006: (10, "330.6", "334.8"),
}

# Row of Tables 1 and 3: the conditions that section B.1 gives for it.
ADAM_AND_RMSPROP = {
    f"{name} ({letter} = 10−{exponent})": {
        "optimizer": name.lower(),
        "learning_rate": 10**-exponent,
        "schedule": "constant",
    }
    for name, letter in (("Adam", "α"), ("RMSprop", "η"))
    for exponent in (2, 3, 4)
}
DECAY = {"optimizer": "sgd", "decay_after": 10}
EXPONENTIAL = {**DECAY, "learning_rate": 1.0, "schedule": "exponential"}
SGD_LANGUAGE = {
    f"SGD (η divided by {divisor})": {**EXPONENTIAL, "decay_divisor": divisor}
    for divisor in (1.2, 1.1, 1.05)
}
PLATEAU = {**DECAY, "learning_rate": 0.1, "schedule": "plateau", "decay_divisor": 1.25}
SGD_MUSIC = {"SGD": PLATEAU}

# What section B.1 says of every run.
OF_EVERY_RUN = {"adam_beta1": 0.9, "adam_beta2": 0.999, "rmsprop_beta": 0.99, "epsilon": 1e-8}


def each(settings):
    return {key: {value} for key, value in settings.items()}


# The schedule of SGD in language modelling that is taken up after Table 1.
SGD_OF_LANGUAGE = {"task": {"language"}, **each(SGD_LANGUAGE["SGD (η divided by 1.1)"])}
SGD_OF_MUSIC = {"task": {"music"}, **each(PLATEAU)}
OPTIMIZERS = {"optimizer": {"adam", "rmsprop", "sgd"}}
# What each config may call stated, and the values that the supplement states there.
ALWAYS_STATED = {**each(OF_EVERY_RUN), "method": {"projection", "clipping"}}
MAY_BE_STATED = {
    "table1_language": {
        **SGD_OF_LANGUAGE,
        **OPTIMIZERS,
        "epochs": {60},
        "learning_rate": {1e-2, 1e-3, 1e-4, 1.0},
        "decay_divisor": {1.2, 1.1, 1.05},
        "delta": {0.2},
        "threshold": {5},
    },
    "table2_language_lr0.1": {
        "task": {"language"},
        "epochs": {60},
        "optimizer": {"sgd"},
        "learning_rate": {0.1},
        "schedule": {"constant"},
        "delta": {0.2, 0.5, 0.8, 1.1, 1.4},
        "threshold": {5, 10, 15, 20},
    },
    "table3_music": {
        "task": {"music"},
        **each(PLATEAU),
        **OPTIMIZERS,
        "learning_rate": {1e-2, 1e-3, 1e-4, 0.1},
        "stop_patience": {50},
        "delta": {0.2},
        "threshold": {15},
    },
    "table4_elementwise": {
        **SGD_OF_LANGUAGE,
        "method": {"elementwise_clipping"},
        "threshold": {0.0015, 0.003, 0.0045, 0.006},
    },
    "timing": {
        **SGD_OF_LANGUAGE,
        "delta": {0.2},
        "threshold": {5},
        "projection": {"naive", "truncated"},
    },
    "main_language": SGD_OF_LANGUAGE,
    "main_music": SGD_OF_MUSIC,
    "beyond_music": {**SGD_OF_MUSIC, "delta": {0.2}, "threshold": {15}},
    "demo": {},
    "open_music": {"task": {"music"}},
    "identify_music": {"task": {"music"}},
    "table1_language_small": {"task": {"language"}},
}
# What is remembered of the main paper, of both tasks and by task.
REMEMBERED_OF_BOTH = {
    "batch_size": [20],
    "bptt_steps": [35],
    "input_scale": [0.01],
    "initial_std": [None],
    "dropout": [0.5],
    "dropout_after": [["input", "gru"]],
    "method": ["projection", "clipping"],
    "delta": [0.2, 0.5, 0.8, 1.1, 1.4],
}
REMEMBERED = {
    "language": {
        **REMEMBERED_OF_BOTH,
        "dataset": ["ptb"],
        "units": [650],
        "layers": [1],
        "epochs": [75],
        "threshold": [5, 10, 15, 20],
    },
    "music": {
        **REMEMBERED_OF_BOTH,
        "dataset": ["nottingham"],
        "units": [200],
        "layers": [2],
        "min_learning_rate": [1e-4],
        "threshold": [15, 30, 45, 60],
    },
}
