"""Latent courses of repeated severity scores: growth mixtures by exact maximum likelihood.

    from analysis.trajectories import GrowthMixture

    spec = GrowthMixture(
        k=4,
        fixed="score ~ log1p(week) + week + baseline * log1p(week) + study_id",
        class_specific="~ log1p(week) + week",     # None: every fixed effect differs between classes
        random="~ log1p(week)",                    # None: latent class growth, no random effects
        membership="~ study_id",                   # multinomial logit, against the last class
        residual="study",                          # common | study | class
        covariance="common",                       # common | proportional | class;  diagonal=True
        person="subject_id", time="week", study="study_id", weights=None, cluster="site_no",
        family="gaussian",                         # or "censored" with floor=0, ceiling=None
    )
    result = spec.fit(frame, starts=50, max_starts=400, seed=1)

`frame` has one row per person and time. Rows without a score are left out (missing at random by full likelihood);
covariates must be complete. Formulas are formulaic's, with `poly`, `ns(week, df=3)`, `piecewise(week, 2, 6)`, `log1p`.

Of a result (`Trajectories`; classes are numbered from 1, lowest mean at the last time first):

    loglik, n_parameters, aic, bic, sabic, icl, entropy, n        criteria; BIC counts persons
    problems, admissible, search                                  what is wrong, with remedy; replication, all maxima
    parameters(kind="model" | "sandwich" | "cluster")             estimates with errors, in the units of the frame
    covariance(kind), wald(contrast)                              in the order of parameters()
    classes, posterior, probabilities (N, k), prior (N, k)        persons in the order of design.persons
    courses(times, at={...})                                      mean courses of classes with delta-method bands
    predict(frame) -> .posterior, .course(times, new_score=), .no_fall(weeks, baseline=)   any number of visits; q_i
    labels(baseline, rule), last_weeks                            the plan's labels; T of each class
    criteria(), compare(*others), summary(), plot(), to_html()
    save(path), Trajectories.load(path)

Beside it: `enumeration.enumerate_classes(spec, frame, ks, folds=, replicates=)`,
`bootstrap.likelihood_ratio(small, large)`,
`bootstrap.label_stability(fit, baseline)`, `bootstrap.simulate_scores`, `simulate` (worlds with known truth).

For estimators stacked on top (two-step): `result.phi` (free,), `result.information` (free, free), `result.solution`
with `.scores` (free, N) and `.log_joint` (k, N), and `result.log_posterior_slopes()`, (N, k, free): d log p_ik / d phi.
`estimates.reported(design, phi)` gives reported parameters and their derivatives by phi.

Single items (CGI, PGIC) have a latent class growth model of their own, without random effects:

    from analysis.trajectories.ordinal import OrdinalGrowth

    result = OrdinalGrowth(3, fixed="~ log1p(week) + week", link="logit", outcome="item").fit(frame, starts=20, seed=1)

P(item <= c | class) = F(threshold_c - location); thresholds are common, locations differ by class. Both results are
`fitted.Fitted` and have what is listed above but `labels` and `last_weeks`, which are of scores; `courses` and
`predict(frame).course` give the mean category and the probability of each, `predict(frame).at_most(c, times)` that of c
or less. `enumerate_classes`, `likelihood_ratio`, `split_half` and `analysis.twostep` take either.
"""

from analysis.trajectories.design import GrowthMixture
from analysis.trajectories.errors import DesignError, Problem
from analysis.trajectories.result import Trajectories

__all__ = ["DesignError", "GrowthMixture", "Problem", "Trajectories"]
