"""The accuracy benchmark as a task for anybody's law: tables to take away, predictions to score.

tables       the rows of a split, with what is known of each
exporting    a folder of them, without what is asked for
running      a law file of one's own, in a process of its own (`worker`)
predictions  files of predicted losses
scoring      predictions -> the figures of `cptlaw bench accuracy`
leaderboard  results -> one page
"""
