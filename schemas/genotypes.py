"""One row per person, variant and assay."""

from schemas import checks
from schemas.entity import Entity, column
from schemas.parents import PARENT_RULES, REASONS

GENOTYPES = Entity(
    name="genotypes",
    description="One row per person, variant and assay. A person who was not typed has no row.",
    grain=("subject_id", "variant_id", "assay"),
    columns={
        "subject_id": column("text", "Pseudonym of the person.", nullable=False),
        "variant_id": column("text", "Variant, rsID or chromosome:position:ref:alt.", nullable=False),
        "assay": column("text", "Array, sequencing run or imputation panel.", nullable=False),
        "effect_allele": column("text", "Allele that dosage counts."),
        "other_allele": column("text", "The other allele."),
        "dosage": column("double", "Copies of the effect allele.", checks.in_range("dosage", 0, 2)),
        "dosage_missing": column("text", "Why dosage is null.", checks.isin("dosage_missing", REASONS)),
        "genotype": column("text", "Genotype as called, alleles separated by /."),
        "build": column("text", "Genome build.", checks.isin("build", ("GRCh36", "GRCh37", "GRCh38"))),
        "imputation_r2": column("double", "Imputation quality.", checks.in_range("imputation_r2", 0, 1)),
        "call": column(
            "text", "What became of the call.", checks.isin("call", ("called", "failed", "not_typed")), nullable=False
        ),
    },
    frame_rules=(checks.reason_given("dosage", "dosage_missing"),),
    context={
        "key_conflict": column(
            "boolean",
            "Another row has the same key and other content.",
            checks.flag("key_conflict", False, "key:conflict", "rows with one key must agree"),
        ),
        **PARENT_RULES,
    },
)
