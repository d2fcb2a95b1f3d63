"""What a family of tasks is: sentence pairs, tagging, questions."""

from typing import Dict, Type

from fairseq_xling.families.base import Family
from fairseq_xling.families.pairs.task import PairsFamily
from fairseq_xling.families.questions.task import QuestionsFamily
from fairseq_xling.families.tagging.task import TaggingFamily

# By the names that files have.
FAMILIES: Dict[str, Type[Family]] = {
    one.stored: one for one in (PairsFamily, TaggingFamily, QuestionsFamily)
}
