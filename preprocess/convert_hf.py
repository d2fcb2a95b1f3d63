"""Convert models between Hugging Face and fairseq.

python preprocess/convert_hf.py HF_FOLDER --destdir DIR [--task xnli]
python preprocess/convert_hf.py --to-hf CHECKPOINT.pt --destdir DIR [--data FOLDER]
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fairseq_xling.cli.convert_hf import main  # noqa: E402

if __name__ == "__main__":
    main()
